# Tests, fuzz targets and benchmarks. Each source is a program of its own.
#
# Labels: `quick` is what `make check` runs; `slow` (noun_slow_test.c) runs by `make check-slow` and
# in CI; `fuzz-replay` is among the quick ones.
pkg_check_modules(copse_cmocka REQUIRED QUIET IMPORTED_TARGET cmocka)
pkg_check_modules(copse_yajl REQUIRED QUIET IMPORTED_TARGET yajl) # to compare our JSON reader with

set(copse_test_dir "${CMAKE_CURRENT_SOURCE_DIR}/tests")

# Files made by other implementations. They are no part of this repository: tests that read them skip
# where the folder is absent. Our own golden vectors are in tests/vectors.
set(COPSE_VECTORS "${CMAKE_CURRENT_SOURCE_DIR}/../shared/vectors" CACHE PATH
    "Folder of test vectors of other projects")

# Helpers that several tests share: tests/support/*.c, included as "support/noun.h".
file(GLOB copse_support_sources CONFIGURE_DEPENDS "${copse_test_dir}/support/*.c")
list(FILTER copse_support_sources EXCLUDE REGEX "/fuzz_replay_main\\.c$")

# What test, fuzz and benchmark programs have in common. They may use the system.
add_library(copse_test_options INTERFACE)
target_include_directories(copse_test_options INTERFACE
    "${CMAKE_CURRENT_SOURCE_DIR}/src" "${copse_test_dir}")
target_compile_definitions(copse_test_options INTERFACE
    _GNU_SOURCE COPSE_VERSION="${PROJECT_VERSION}"
    COPSE_TEST_DIR="${copse_test_dir}" COPSE_TEST_VECTORS="${COPSE_VECTORS}")
target_link_libraries(copse_test_options INTERFACE
    copse_static copse_options copse_dependencies PkgConfig::copse_cmocka PkgConfig::copse_yajl m)

if(copse_support_sources)
    add_library(copse_test_support STATIC EXCLUDE_FROM_ALL ${copse_support_sources})
    target_link_libraries(copse_test_support PRIVATE copse_test_options)
    # The archive stands before the library it uses.
    add_library(copse_test_base INTERFACE)
    target_link_libraries(copse_test_base INTERFACE copse_test_support copse_test_options)
else()
    add_library(copse_test_base ALIAS copse_test_options)
endif()

# Sets ret_name to layer-noun for src/layer/noun_suffix.c and topic for tests/topic_suffix.c.
function(copse_program_name source suffix ret_name)
    file(RELATIVE_PATH name "${CMAKE_CURRENT_SOURCE_DIR}" "${source}")
    string(REGEX REPLACE "^(src|tests|bench)/" "" name "${name}")
    string(REGEX REPLACE "(_${suffix})?\\.c$" "" name "${name}")
    string(REPLACE "/" "-" name "${name}")
    set(${ret_name} "${name}" PARENT_SCOPE)
endfunction()

if(NOT COPSE_FUZZ)
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS "src/*_test.c" "tests/*_test.c")
    foreach(source IN LISTS sources)
        copse_program_name("${source}" test name)
        add_executable(test-${name} "${source}")
        target_link_libraries(test-${name} PRIVATE copse_test_base)
        set_target_properties(test-${name} PROPERTIES
            OUTPUT_NAME ${name} RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/test")
        add_test(NAME ${name} COMMAND test-${name}
            WORKING_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}")
        if(name MATCHES "_slow$")
            set_tests_properties(${name} PROPERTIES LABELS slow TIMEOUT 1200)
        else()
            set_tests_properties(${name} PROPERTIES LABELS quick TIMEOUT 120)
        endif()
    endforeach()
endif()

# A fuzz target runs forever under libFuzzer, or as a short replay under ctest: its corpus
# (tests/corpus/<noun>/), then mutations and random inputs from a fixed seed.
set(COPSE_FUZZ_REPLAY_RUNS 2000 CACHE STRING "Inputs that each fuzz target's replay makes up")
file(GLOB_RECURSE sources CONFIGURE_DEPENDS "src/*_fuzz.c" "tests/*_fuzz.c")
foreach(source IN LISTS sources)
    get_filename_component(noun "${source}" NAME_WE)
    string(REGEX REPLACE "_fuzz$" "" noun "${noun}")
    add_executable(fuzz-${noun} "${source}")
    target_link_libraries(fuzz-${noun} PRIVATE copse_test_base)
    target_compile_options(fuzz-${noun} PRIVATE -include support/fuzz.h)
    set_target_properties(fuzz-${noun} PROPERTIES
        OUTPUT_NAME ${noun} RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/fuzz")
    if(COPSE_FUZZ)
        target_link_options(fuzz-${noun} PRIVATE -fsanitize=fuzzer)
    else()
        target_sources(fuzz-${noun} PRIVATE "${copse_test_dir}/support/fuzz_replay_main.c")
        add_test(NAME fuzz-replay-${noun} COMMAND fuzz-${noun}
            --runs=${COPSE_FUZZ_REPLAY_RUNS} "${copse_test_dir}/corpus/${noun}")
        set_tests_properties(fuzz-replay-${noun} PROPERTIES
            LABELS "quick;fuzz-replay" TIMEOUT 120)
    endif()
endforeach()

# The examples of the C API: each runs as a test, in a folder of the build, and together they show
# every call. They see what a user of the library sees.
if(NOT COPSE_FUZZ)
    file(GLOB sources CONFIGURE_DEPENDS "examples/*.c")
    list(FILTER sources EXCLUDE REGEX "/example\\.c$")
    set(copse_example_dir "${CMAKE_BINARY_DIR}/example")
    file(MAKE_DIRECTORY "${copse_example_dir}")
    add_library(copse_example STATIC examples/example.c)
    target_link_libraries(copse_example PUBLIC copse_static copse_options)
    foreach(source IN LISTS sources)
        get_filename_component(name "${source}" NAME_WE)
        add_executable(example-${name} "${source}")
        target_link_libraries(example-${name} PRIVATE copse_example copse_dependencies)
        set_target_properties(example-${name} PROPERTIES
            OUTPUT_NAME ${name} RUNTIME_OUTPUT_DIRECTORY "${copse_example_dir}")
        add_test(NAME example-${name} COMMAND example-${name}
            WORKING_DIRECTORY "${copse_example_dir}")
        set_tests_properties(example-${name} PROPERTIES LABELS quick TIMEOUT 60)
    endforeach()
    add_test(NAME examples-complete COMMAND "${CMAKE_CURRENT_SOURCE_DIR}/tools/check-examples")
    add_test(NAME examples-incomplete COMMAND "${CMAKE_CURRENT_SOURCE_DIR}/tools/check-examples"
        --without order_keys)
    set_tests_properties(examples-complete examples-incomplete PROPERTIES LABELS quick TIMEOUT 60)
    set_tests_properties(examples-incomplete PROPERTIES WILL_FAIL TRUE)
endif()

# Benchmarks are built by the target `bench` only; tools/bench runs them.
add_custom_target(bench)
file(GLOB_RECURSE sources CONFIGURE_DEPENDS "src/*_bench.c" "bench/*.c")
# Those of the rivals' workloads are built beside the rivals, by bench/w1/run and bench/w2/run.
list(FILTER sources EXCLUDE REGEX "/bench/w[12]/")
foreach(source IN LISTS sources)
    copse_program_name("${source}" bench name)
    add_executable(bench-${name} EXCLUDE_FROM_ALL "${source}")
    target_link_libraries(bench-${name} PRIVATE copse_test_base)
    set_target_properties(bench-${name} PROPERTIES
        OUTPUT_NAME ${name} RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bench")
    add_dependencies(bench bench-${name})
endforeach()

# The command, from outside.
add_test(NAME command COMMAND "${CMAKE_CURRENT_SOURCE_DIR}/tools/test-command"
    $<TARGET_FILE:copse_command> ${PROJECT_VERSION})
set_tests_properties(command PROPERTIES LABELS quick TIMEOUT 60)
add_test(NAME example-social COMMAND "${CMAKE_CURRENT_SOURCE_DIR}/examples/social/run"
    $<TARGET_FILE:copse_command> "${CMAKE_CURRENT_SOURCE_DIR}/docs/social.md")
set_tests_properties(example-social PROPERTIES LABELS quick TIMEOUT 120)
# Each mostly waits, so that they begin first, side by side.
foreach(cases IN ITEMS cases network serve)
    string(REPLACE "run_cases" "run" script "run_${cases}")
    add_test(NAME command-${cases} COMMAND
        "${CMAKE_CURRENT_SOURCE_DIR}/tests/command/${script}" $<TARGET_FILE:copse_command>)
    set_tests_properties(command-${cases} PROPERTIES LABELS quick TIMEOUT 900 COST 1000)
endforeach()
if(NOT COPSE_SANITIZE) # which takes memory of its own
    add_test(NAME command_slow COMMAND "${CMAKE_CURRENT_SOURCE_DIR}/tests/command/run_slow"
        $<TARGET_FILE:copse_command>)
    set_tests_properties(command_slow PROPERTIES LABELS slow TIMEOUT 600)
endif()

if(NOT COPSE_SANITIZE)
    add_test(NAME amalgamation COMMAND "${CMAKE_CURRENT_SOURCE_DIR}/tools/test-amalgamation"
        "${CMAKE_C_COMPILER}" "${CMAKE_BINARY_DIR}")
    set_tests_properties(amalgamation PROPERTIES LABELS quick TIMEOUT 120)
endif()
# The crash tests of the pack store fail in each build with one sync or checksum taken out.
if(NOT COPSE_SANITIZE AND NOT COPSE_FUZZ)
    add_test(NAME backends-pack-mutants COMMAND
        "${CMAKE_CURRENT_SOURCE_DIR}/tools/test-mutants" "${CMAKE_C_COMPILER}"
        $<TARGET_FILE:copse_static> $<TARGET_FILE:copse_test_support>
        "${CMAKE_BINARY_DIR}/mutants")
    set_tests_properties(backends-pack-mutants PROPERTIES LABELS slow TIMEOUT 1200)
endif()
if(COPSE_SHARED AND CMAKE_BUILD_TYPE STREQUAL "Release")
    add_test(NAME install COMMAND "${CMAKE_CURRENT_SOURCE_DIR}/tools/test-install"
        "${CMAKE_BINARY_DIR}")
    set_tests_properties(install PROPERTIES LABELS install TIMEOUT 120)
endif()

# Files and answers of Copse beside software of others. Needs node and npm; skipped without them.
if(NOT COPSE_FUZZ)
    foreach(program car_make query_driver expression_driver update_driver ipns_driver)
        add_executable(foreign-${program} "${copse_test_dir}/foreign/${program}.c")
        target_link_libraries(foreign-${program} PRIVATE copse_test_base)
    endforeach()
    foreach(pair car:foreign-car_make mingo:foreign-query_driver pipelines:foreign-query_driver
            expressions:foreign-expression_driver updates:foreign-update_driver
            serve:copse_command static:copse_command helia:copse_command names:copse_command ipns:foreign-ipns_driver watch:copse_command)
        string(REPLACE ":" ";" pair "${pair}")
        list(GET pair 0 check)
        list(GET pair 1 target)
        add_test(NAME foreign-${check} COMMAND "${copse_test_dir}/foreign/run"
            "${CMAKE_BINARY_DIR}/foreign" ${check} $<TARGET_FILE:${target}>)
        set_tests_properties(foreign-${check} PROPERTIES LABELS foreign TIMEOUT 300
            SKIP_RETURN_CODE 77 RESOURCE_LOCK foreign)
    endforeach()
endif()
