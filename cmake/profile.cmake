# libbantam-profile: the reader's history in SQLite; see include/bantam/profile.h. It uses nothing
# of libbantam but headers, and libbantam nothing of it. The command has its files linked in. Both
# are left out where SQLite is missing: `bantam personalize` then says so.
if(BANTAM_PROFILE)
    pkg_check_modules(SQLITE IMPORTED_TARGET sqlite3>=3.37)
    if(NOT SQLITE_FOUND)
        message(STATUS "sqlite3 is missing: built without `bantam personalize`")
        set(BANTAM_PROFILE OFF)
    endif()
endif()

if(BANTAM_PROFILE)
    file(GLOB profile_sources CONFIGURE_DEPENDS src/profile/*.c)
    add_library(bantam_profile_objects OBJECT ${profile_sources})
    target_include_directories(bantam_profile_objects PUBLIC include PRIVATE src)
    target_link_libraries(bantam_profile_objects PUBLIC PkgConfig::SQLITE)
    target_link_libraries(bantam_profile_objects PRIVATE bantam_options)

    add_library(bantam_profile SHARED $<TARGET_OBJECTS:bantam_profile_objects>)
    target_include_directories(bantam_profile PUBLIC
        $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
        $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
    target_link_libraries(bantam_profile PRIVATE PkgConfig::SQLITE)
    set_target_properties(bantam_profile PROPERTIES OUTPUT_NAME bantam-profile
        VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}
        LINK_DEPENDS ${PROJECT_SOURCE_DIR}/cmake/bantam-profile.map)
    target_link_options(bantam_profile PRIVATE
        -Wl,--version-script=${PROJECT_SOURCE_DIR}/cmake/bantam-profile.map -Wl,--no-undefined
        -Wl,-z,max-page-size=16384)
    if(BANTAM_SANITIZE OR BANTAM_FUZZ)
        target_link_options(bantam_profile PRIVATE -Wl,-z,undefs) # the runtime is the program's
    endif()

    if(BANTAM_TOOLS)
        target_compile_definitions(bantam_cli PRIVATE BANTAM_PROFILE)
        target_link_libraries(bantam_cli PRIVATE bantam_profile_objects)
    endif()

    install(TARGETS bantam_profile LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
    configure_file(cmake/bantam-profile.pc.in bantam-profile.pc @ONLY)
    install(FILES ${PROJECT_BINARY_DIR}/bantam-profile.pc
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endif()
