# libbantam-fetch: everything that reaches the network, and nothing else does; see
# include/bantam/fetch.h. It is left out where libcurl or libcrypto is missing: `bantam pull` then
# says so. What it needs of the house below it, it takes from the static library, hidden.
if(BANTAM_FETCH)
    pkg_check_modules(CURL IMPORTED_TARGET libcurl>=7.68)
    pkg_check_modules(CRYPTO IMPORTED_TARGET libcrypto>=1.1.0)
    if(NOT CURL_FOUND OR NOT CRYPTO_FOUND)
        message(STATUS "libcurl or libcrypto is missing: built without `bantam pull`")
        set(BANTAM_FETCH OFF)
    endif()
endif()

if(BANTAM_FETCH)
    file(GLOB fetch_sources CONFIGURE_DEPENDS src/fetch/*.c)
    add_library(bantam_fetch_objects OBJECT ${fetch_sources})
    target_include_directories(bantam_fetch_objects PUBLIC include src)
    target_link_libraries(bantam_fetch_objects PUBLIC
        PkgConfig::CURL PkgConfig::CRYPTO PkgConfig::JANSSON)
    target_link_libraries(bantam_fetch_objects PRIVATE bantam_options)

    add_library(bantam_fetch SHARED $<TARGET_OBJECTS:bantam_fetch_objects>)
    target_include_directories(bantam_fetch PUBLIC
        $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
        $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
    target_link_libraries(bantam_fetch PRIVATE $<BUILD_INTERFACE:bantam_static>
        PkgConfig::CURL PkgConfig::CRYPTO PkgConfig::JANSSON Threads::Threads)
    set_target_properties(bantam_fetch PROPERTIES OUTPUT_NAME bantam-fetch
        VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}
        LINK_DEPENDS ${PROJECT_SOURCE_DIR}/cmake/bantam-fetch.map)
    target_link_options(bantam_fetch PRIVATE
        -Wl,--version-script=${PROJECT_SOURCE_DIR}/cmake/bantam-fetch.map -Wl,--no-undefined
        -Wl,-z,max-page-size=16384 -Wl,-z,nodelete)
    if(BANTAM_SANITIZE OR BANTAM_FUZZ)
        target_link_options(bantam_fetch PRIVATE -Wl,-z,undefs) # the runtime is the program's
    endif()

    # The command opens it by name when `pull` is called; see tools/cli/cmd_pull.c.
    if(BANTAM_TOOLS)
        target_compile_definitions(bantam_cli PRIVATE
            BANTAM_FETCH_LIBRARY="libbantam-fetch.so.${PROJECT_VERSION_MAJOR}")
        target_link_libraries(bantam_cli PRIVATE ${CMAKE_DL_LIBS})
        set_target_properties(bantam_cli PROPERTIES
            BUILD_RPATH "\$ORIGIN" INSTALL_RPATH "\$ORIGIN/../${CMAKE_INSTALL_LIBDIR}")
        if(BANTAM_SANITIZE)
            # A sanitizer's dlopen() is called from its own library, which knows no RUNPATH of ours.
            target_link_options(bantam_cli PRIVATE -Wl,--disable-new-dtags)
        endif()
        add_dependencies(bantam_cli bantam_fetch)
    endif()

    install(TARGETS bantam_fetch LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
    configure_file(cmake/bantam-fetch.pc.in bantam-fetch.pc @ONLY)
    install(FILES ${PROJECT_BINARY_DIR}/bantam-fetch.pc
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endif()
