# What `make install` puts where: bin/copse, both libraries, headers, copse.pc, the CMake package, the
# manual pages, a unit of systemd.
include(CMakePackageConfigHelpers)

set(copse_package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/copse")

install(TARGETS copse_command RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
install(DIRECTORY include/copse DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING PATTERN "*.h")

set(copse_exported copse_static)
if(COPSE_SHARED)
    list(APPEND copse_exported copse)
endif()
# The command makes its manual pages.
set(copse_man_dir "${CMAKE_BINARY_DIR}/man")
add_custom_command(OUTPUT "${copse_man_dir}/copse.1"
    COMMAND "${CMAKE_CURRENT_SOURCE_DIR}/tools/make-man" $<TARGET_FILE:copse_command> "${copse_man_dir}"
    DEPENDS copse_command tools/make-man VERBATIM)
add_custom_target(man DEPENDS "${copse_man_dir}/copse.1")
install(DIRECTORY "${copse_man_dir}/" DESTINATION "${CMAKE_INSTALL_MANDIR}/man1" OPTIONAL
    FILES_MATCHING PATTERN "*.1")
# All that is installed, without the tests.
add_custom_target(installed DEPENDS copse_command man ${copse_exported})

# The unit names the command where it is installed: a prefix may be given as late as that.
install(CODE "get_filename_component(copse_bindir
    \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}\" ABSOLUTE)
configure_file(\"${CMAKE_CURRENT_SOURCE_DIR}/apps/copse/copse.service.in\"
    \"${CMAKE_BINARY_DIR}/copse.service\" @ONLY)")
install(FILES "${CMAKE_BINARY_DIR}/copse.service" DESTINATION lib/systemd/system)

install(TARGETS ${copse_exported} EXPORT copseTargets
    ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}"
    LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(EXPORT copseTargets NAMESPACE copse:: DESTINATION "${copse_package_dir}")

configure_package_config_file(cmake/copseConfig.cmake.in "${CMAKE_BINARY_DIR}/copseConfig.cmake"
    INSTALL_DESTINATION "${copse_package_dir}")
write_basic_package_version_file("${CMAKE_BINARY_DIR}/copseConfigVersion.cmake"
    COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_BINARY_DIR}/copseConfig.cmake" "${CMAKE_BINARY_DIR}/copseConfigVersion.cmake"
    DESTINATION "${copse_package_dir}")

# copse.pc finds its prefix from its own place, so that an installed tree can be moved.
file(RELATIVE_PATH copse_pc_prefix "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
string(REGEX REPLACE "/$" "" copse_pc_prefix "${copse_pc_prefix}")
list(JOIN copse_pc_requires ", " copse_pc_requires_private)
list(JOIN copse_pc_libs " " copse_pc_libs_private)
configure_file(copse.pc.in "${CMAKE_BINARY_DIR}/copse.pc" @ONLY)
install(FILES "${CMAKE_BINARY_DIR}/copse.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
install(FILES LICENSE-MIT LICENSE-APACHE DESTINATION "${CMAKE_INSTALL_DOCDIR}")
