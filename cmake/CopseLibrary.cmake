# The library, static and shared, and the command.

file(GLOB_RECURSE copse_sources CONFIGURE_DEPENDS
    RELATIVE "${CMAKE_CURRENT_SOURCE_DIR}" "${CMAKE_CURRENT_SOURCE_DIR}/src/*.c")
list(FILTER copse_sources EXCLUDE REGEX "_(test|fuzz|bench)\\.c$")
list(SORT copse_sources)

foreach(layer IN LISTS copse_system_layers)
    set(layer_sources ${copse_sources})
    list(FILTER layer_sources INCLUDE REGEX "^src/${layer}/")
    set_property(SOURCE ${layer_sources} APPEND PROPERTY COMPILE_DEFINITIONS _GNU_SOURCE)
endforeach()

function(copse_add_library target kind)
    add_library(${target} ${kind} ${copse_sources} $<TARGET_OBJECTS:copse_llhttp>)
    target_include_directories(${target}
        PUBLIC $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/include>
               $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>
        PRIVATE src)
    target_compile_definitions(${target} PRIVATE COPSE_VERSION="${PROJECT_VERSION}")
    target_link_libraries(${target} PRIVATE
        $<BUILD_INTERFACE:copse_options> $<BUILD_INTERFACE:copse_dependencies>)
    set_target_properties(${target} PROPERTIES OUTPUT_NAME copse)
endfunction()

# Tests and the command link the static one: its hidden functions are visible to them.
copse_add_library(copse_static STATIC)
target_compile_definitions(copse_static PUBLIC COPSE_STATIC)
target_link_libraries(copse_static INTERFACE $<INSTALL_INTERFACE:m>)
foreach(module IN LISTS copse_linked_modules)
    string(MAKE_C_IDENTIFIER "copse_${module}" prefix)
    target_link_libraries(copse_static INTERFACE $<INSTALL_INTERFACE:PkgConfig::${prefix}>)
endforeach()
add_library(copse::copse_static ALIAS copse_static)

if(COPSE_SHARED)
    copse_add_library(copse SHARED)
    # Until 1.0 each minor version has an ABI of its own.
    set_target_properties(copse PROPERTIES
        VERSION ${PROJECT_VERSION}
        SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
    target_link_options(copse PRIVATE LINKER:--no-undefined)
    add_library(copse::copse ALIAS copse)
endif()

file(GLOB copse_command_sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/apps/copse/*.c")
add_executable(copse_command ${copse_command_sources})
target_compile_definitions(copse_command PRIVATE
    _GNU_SOURCE COPSE_VERSION="${PROJECT_VERSION}")
# Line editing of `copse shell`.
pkg_check_modules(copse_libedit REQUIRED QUIET IMPORTED_TARGET libedit)
target_link_libraries(copse_command PRIVATE copse_static copse_options copse_dependencies
    PkgConfig::copse_libedit)
set_target_properties(copse_command PROPERTIES
    OUTPUT_NAME copse RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
