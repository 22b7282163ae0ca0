# The command, the program that prints its manual pages and completions, and development tools.
pkg_check_modules(LIBEDIT REQUIRED IMPORTED_TARGET libedit)

file(GLOB cli_sources CONFIGURE_DEPENDS tools/cli/*.c)
list(REMOVE_ITEM cli_sources ${PROJECT_SOURCE_DIR}/tools/cli/docgen.c)
add_executable(bantam_cli ${cli_sources})
set_target_properties(bantam_cli PROPERTIES OUTPUT_NAME bantam)
target_link_libraries(bantam_cli PRIVATE bantam_static bantam_options PkgConfig::JANSSON PkgConfig::LIBEDIT)

# Manual pages and completions come from the table that --help comes from.
add_executable(bantam_docgen tools/cli/docgen.c tools/cli/cli_table.c
    tools/cli/cli_table_commands.c tools/cli/cli_table_options.c)
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

# The data of the built-in model and what it is held against; see scripts/mini.sh.
add_library(bantam_mini_texts OBJECT tools/mini/mini.c)
target_include_directories(bantam_mini_texts PUBLIC src include)
target_link_libraries(bantam_mini_texts PRIVATE bantam_options PkgConfig::JANSSON)
foreach(name texts write tasks score plot)
    add_executable(bantam-mini-${name} tools/mini/mini_${name}.c)
    target_link_libraries(bantam-mini-${name} PRIVATE bantam_mini_texts bantam_static bantam_options
        PkgConfig::JANSSON m)
endforeach()
target_sources(bantam-mini-texts PRIVATE tools/mini/mini_opinions.c tools/mini/mini_scene.c)
target_sources(bantam-mini-tasks PRIVATE
    tools/mini/mini_facts.c tools/mini/mini_scene.c tools/mini/mini_kinds.c)
