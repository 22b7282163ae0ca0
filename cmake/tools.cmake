# The command, the program that prints its manual pages and completions, and development tools.
pkg_check_modules(LIBEDIT REQUIRED IMPORTED_TARGET libedit)

file(GLOB cli_sources CONFIGURE_DEPENDS tools/cli/*.c)
list(REMOVE_ITEM cli_sources ${PROJECT_SOURCE_DIR}/tools/cli/docgen.c)
add_executable(bantam_cli ${cli_sources})
set_target_properties(bantam_cli PROPERTIES OUTPUT_NAME bantam)
target_link_libraries(bantam_cli PRIVATE bantam_static bantam_options PkgConfig::JANSSON PkgConfig::LIBEDIT)

# Manual pages and completions come from the table that --help comes from.
add_executable(bantam_docgen tools/cli/docgen.c tools/cli/cli_table.c)
set_target_properties(bantam_docgen PROPERTIES OUTPUT_NAME bantam-docgen)
target_include_directories(bantam_docgen PRIVATE include)
target_link_libraries(bantam_docgen PRIVATE bantam_options)
add_custom_command(
    OUTPUT ${PROJECT_BINARY_DIR}/generated.stamp
    COMMAND ${CMAKE_COMMAND} -E make_directory man completions
    COMMAND bantam_docgen man man
    COMMAND bantam_docgen completions completions
    COMMAND ${CMAKE_COMMAND} -E touch generated.stamp
    DEPENDS bantam_docgen
    WORKING_DIRECTORY ${PROJECT_BINARY_DIR})
add_custom_target(bantam_generated ALL DEPENDS ${PROJECT_BINARY_DIR}/generated.stamp)

file(GLOB bench_sources CONFIGURE_DEPENDS tools/bench/*.c)
foreach(source ${bench_sources})
    get_filename_component(name ${source} NAME_WE)
    string(REPLACE "_" "-" program bantam-${name})
    add_executable(${program} ${source})
    target_include_directories(${program} PRIVATE src)
    target_link_libraries(${program} PRIVATE bantam_static bantam_options PkgConfig::JANSSON)
endforeach()
