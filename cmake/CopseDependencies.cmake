# The libraries that Copse stands on, one line each; that line is all a new one needs (and one in
# tools/packages.txt, so that tools/setup installs it).
#
#   copse_dependency(<pkg-config module>)                linked, and named in copse.pc and in the
#                                                        CMake package
#   copse_dependency(<pkg-config module> SHARED)         likewise, but copse.pc names the library in
#                                                        place of the module, whose own libraries a
#                                                        `pkg-config --static` would want otherwise
#   copse_dependency(<pkg-config module> HEADER_ONLY)    needed to build, not to link
find_package(PkgConfig REQUIRED)

add_library(copse_dependencies INTERFACE)
set(copse_linked_modules "") # what a user of the static library links too
set(copse_pc_requires "")    # those of them that copse.pc names,
set(copse_pc_libs "")        # and the libraries that it names instead of the others
set(copse_modules "")        # all, for the checkers in tools/

function(copse_dependency module)
    cmake_parse_arguments(PARSE_ARGV 1 arg "HEADER_ONLY;SHARED" "" "")
    string(MAKE_C_IDENTIFIER "copse_${module}" prefix)
    pkg_check_modules(${prefix} REQUIRED QUIET IMPORTED_TARGET ${module})
    if(arg_HEADER_ONLY)
        target_include_directories(copse_dependencies SYSTEM INTERFACE ${${prefix}_INCLUDE_DIRS})
    else()
        target_link_libraries(copse_dependencies INTERFACE PkgConfig::${prefix})
        set(copse_linked_modules ${copse_linked_modules} ${module} PARENT_SCOPE)
        if(arg_SHARED)
            set(copse_pc_libs ${copse_pc_libs} ${${prefix}_LDFLAGS} PARENT_SCOPE)
        else()
            set(copse_pc_requires ${copse_pc_requires} ${module} PARENT_SCOPE)
        endif()
    endif()
    set(copse_modules ${copse_modules} ${module} PARENT_SCOPE)
endfunction()

copse_dependency(nettle)                  # SHA-256 and other primitives
copse_dependency(libsodium)               # signatures, sealed keys
copse_dependency(libxxhash HEADER_ONLY)   # the chunker's hash
copse_dependency(libpcre2-8)              # regexes in filters
copse_dependency(libuv)                   # the server's event loop
copse_dependency(libzstd)                 # answers, compressed
copse_dependency(zlib)                    # answers, compressed for who has no zstd
copse_dependency(libcurl SHARED)          # requests to peers

# The C library's mathematics, for expressions.
target_link_libraries(copse_dependencies INTERFACE m)
list(APPEND copse_pc_libs -lm)

# llhttp, which parses HTTP, comes as C sources, and becomes a part of both libraries: its names are
# hidden in the shared one. The strict mode refuses what smuggles requests past a proxy.
find_path(copse_llhttp_include llhttp.h PATHS /usr/share/include/llhttp REQUIRED)
find_path(copse_llhttp_sources llhttp.c PATHS /usr/share/llhttp REQUIRED)
add_library(copse_llhttp OBJECT "${copse_llhttp_sources}/api.c" "${copse_llhttp_sources}/http.c"
    "${copse_llhttp_sources}/llhttp.c")
target_include_directories(copse_llhttp PUBLIC SYSTEM "${copse_llhttp_include}")
target_compile_definitions(copse_llhttp PRIVATE LLHTTP_STRICT_MODE=1)
target_compile_options(copse_llhttp PRIVATE -w)
target_include_directories(copse_dependencies SYSTEM INTERFACE "${copse_llhttp_include}")

list(JOIN copse_modules "\n" text)
file(WRITE "${CMAKE_BINARY_DIR}/pkg-config-modules.txt" "${text}\n")
