# `make install DESTDIR=...`: libraries, header, pkg-config file, CMake package, command, manual
# pages, completions.
include(CMakePackageConfigHelpers)

set_target_properties(bantam_static PROPERTIES EXPORT_NAME bantam_static)
install(TARGETS bantam_shared bantam_static EXPORT BantamTargets
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/bantam DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

configure_file(cmake/bantam.pc.in bantam.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/bantam.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

install(EXPORT BantamTargets NAMESPACE Bantam:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/Bantam)
configure_package_config_file(cmake/BantamConfig.cmake.in BantamConfig.cmake
    INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/Bantam)
write_basic_package_version_file(BantamConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/BantamConfig.cmake ${PROJECT_BINARY_DIR}/BantamConfigVersion.cmake
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/Bantam)

install(FILES LICENSE README.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
if(BANTAM_TOOLS)
    install(TARGETS bantam_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
    install(DIRECTORY ${PROJECT_BINARY_DIR}/man/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
    set(completions ${PROJECT_BINARY_DIR}/completions)
    install(FILES ${completions}/bantam.bash RENAME bantam
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
    install(FILES ${completions}/_bantam DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
    install(FILES ${completions}/bantam.fish
        DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
endif()
