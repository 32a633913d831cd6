# How our own C is compiled: the language, the warnings, the sanitizers. Foreign headers come as
# SYSTEM includes, so that the warnings are ours alone.

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

set(copse_warnings
    -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wvla -Wundef
    -Wmissing-prototypes)
if(COPSE_WERROR)
    list(APPEND copse_warnings -Werror)
endif()

# Stored bytes must not depend on how a compiler contracts float expressions.
set(copse_compile_flags ${copse_warnings} -ffp-contract=off)
set(copse_link_flags "")

if(COPSE_SANITIZE)
    list(APPEND copse_compile_flags
        -fsanitize=${COPSE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    list(APPEND copse_link_flags -fsanitize=${COPSE_SANITIZE})
endif()
if(COPSE_FUZZ)
    if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
        message(FATAL_ERROR "COPSE_FUZZ needs clang (libFuzzer)")
    endif()
    list(APPEND copse_compile_flags -fsanitize=fuzzer-no-link)
endif()
if(COPSE_LTO)
    # Fat objects: a static library that any linker can use, and that nm can read.
    list(APPEND copse_compile_flags -flto -ffat-lto-objects)
    list(APPEND copse_link_flags -flto)
endif()

# What every target of ours has.
add_library(copse_options INTERFACE)
target_compile_options(copse_options INTERFACE ${copse_compile_flags})
target_link_options(copse_options INTERFACE ${copse_link_flags} LINKER:--as-needed)

# Layers that talk to the system; the rest is plain C11, which hides system calls by itself.
set(copse_system_layers os backends net)
