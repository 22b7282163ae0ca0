# Unit, kernel and golden tests (one program a file), the replayed fuzz corpora, the command's
# tests, and a program built against the installed library. All run in the source folder.
# BANTAM_TIME_FACTOR lets those that bound processor time know how slow programs are here.
pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)

string(REPLACE ";" " " emulator "${CMAKE_CROSSCOMPILING_EMULATOR}")
set(time_factor 1)
if(CMAKE_CROSSCOMPILING OR BANTAM_SANITIZE)
    set(time_factor 20)
endif()

# GCC 12 for 64-bit Arm breaks off inside of itself on sums that mix types, which tests have.
if(CMAKE_C_COMPILER_ID STREQUAL "GNU" AND CMAKE_C_COMPILER_VERSION VERSION_LESS 13
   AND CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64|ARM64")
    file(GLOB_RECURSE all_tests CONFIGURE_DEPENDS tests/*.c)
    set_property(SOURCE ${all_tests} APPEND PROPERTY COMPILE_OPTIONS -fno-tree-vectorize)
endif()

function(bantam_test name)
    add_test(NAME ${name} COMMAND ${ARGN} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    set_tests_properties(${name} PROPERTIES TIMEOUT 900
        ENVIRONMENT "BANTAM_TIME_FACTOR=${time_factor};BANTAM_CACHE=off") # no test leaves files
    if(CMAKE_CROSSCOMPILING_EMULATOR) # some do less there
        set_property(TEST ${name} APPEND PROPERTY ENVIRONMENT "BANTAM_EMULATOR=${emulator}")
    endif()
endfunction()

if(BANTAM_TESTS)
    file(GLOB test_sources CONFIGURE_DEPENDS
        tests/unit/test_*.c tests/kernel/test_*.c tests/golden/test_*.c)
    if(BANTAM_FETCH)
        file(GLOB fetch_tests CONFIGURE_DEPENDS tests/fetch/test_*.c)
        list(APPEND test_sources ${fetch_tests})
    endif()
    if(BANTAM_PROFILE)
        file(GLOB profile_tests CONFIGURE_DEPENDS tests/profile/test_*.c)
        list(APPEND test_sources ${profile_tests})
    endif()
    foreach(source ${test_sources})
        get_filename_component(name ${source} NAME_WE)
        add_executable(${name} ${source})
        target_include_directories(${name} PRIVATE src tests)
        target_link_libraries(${name} PRIVATE bantam_static bantam_options
            PkgConfig::CMOCKA PkgConfig::JANSSON PkgConfig::PCRE2 Threads::Threads m)
        if(source MATCHES "/tests/fetch/")
            target_link_libraries(${name} PRIVATE bantam_fetch_objects)
        endif()
        if(source MATCHES "/tests/profile/")
            target_link_libraries(${name} PRIVATE bantam_profile_objects)
        endif()
        set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY tests)
        bantam_test(${name} ${name})
    endforeach()
endif()

# Every version of every kernel against the reference; --bench measures them.
if(BANTAM_TESTS)
    file(GLOB check_sources CONFIGURE_DEPENDS tests/kernel/*.c)
    list(FILTER check_sources EXCLUDE REGEX "/test_[^/]*$")
    add_executable(kernel_check ${check_sources})
    target_include_directories(kernel_check PRIVATE src tests)
    target_link_libraries(kernel_check PRIVATE bantam_static bantam_options
        PkgConfig::JANSSON PkgConfig::PCRE2 Threads::Threads m)
    set_target_properties(kernel_check PROPERTIES RUNTIME_OUTPUT_DIRECTORY tests)
    bantam_test(kernel_check kernel_check)
endif()

# Each fuzz target replays its corpus with a plain driver; with BANTAM_FUZZ libFuzzer drives it.
file(GLOB fuzz_sources CONFIGURE_DEPENDS tests/fuzz/fuzz_*.c)
if(NOT BANTAM_FETCH)
    list(FILTER fuzz_sources EXCLUDE REGEX "/fuzz_hub\\.c$")
endif()
foreach(source ${fuzz_sources})
    get_filename_component(name ${source} NAME_WE)
    string(REPLACE "fuzz_" "" corpus ${name})
    add_executable(${name} ${source})
    target_include_directories(${name} PRIVATE src tests)
    target_link_libraries(${name} PRIVATE bantam_static bantam_options
        PkgConfig::JANSSON PkgConfig::PCRE2 Threads::Threads m)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY fuzz)
    if(name STREQUAL "fuzz_hub")
        target_link_libraries(${name} PRIVATE bantam_fetch_objects)
    endif()
    if(BANTAM_FUZZ)
        target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    else()
        target_sources(${name} PRIVATE tests/fuzz/replay.c)
        bantam_test(${name} ${name} tests/fuzz/corpus/${corpus})
    endif()
endforeach()
if(BANTAM_FUZZ)
    target_compile_options(bantam_objects PRIVATE -fsanitize=fuzzer-no-link)
    if(BANTAM_FETCH)
        target_compile_options(bantam_fetch_objects PRIVATE -fsanitize=fuzzer-no-link)
    endif()
    target_link_options(bantam_shared PRIVATE -Wl,-z,undefs)
endif()

if(BANTAM_TESTS AND BANTAM_TOOLS)
    file(GLOB cli_tests CONFIGURE_DEPENDS tests/cli/test_*.sh)
    file(GLOB cli_helpers CONFIGURE_DEPENDS tests/cli/*.c tests/fetch/hub_server.c
        tests/fetch/no_socket.c)
    foreach(source ${cli_helpers})
        get_filename_component(name ${source} NAME_WE)
        add_executable(${name} ${source})
        target_include_directories(${name} PRIVATE include)
        target_link_libraries(${name} PRIVATE bantam_options PkgConfig::JANSSON Threads::Threads m)
        set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY tests)
    endforeach()
    foreach(script ${cli_tests})
        get_filename_component(name ${script} NAME_WE)
        bantam_test(cli_${name} sh ${script})
        set_property(TEST cli_${name} APPEND PROPERTY ENVIRONMENT
            "BANTAM=$<TARGET_FILE:bantam_cli>;BANTAM_EMULATOR=${emulator};BANTAM_BUILD=${PROJECT_BINARY_DIR}")
    endforeach()
    if(NOT CMAKE_CROSSCOMPILING AND NOT BANTAM_SANITIZE)
        bantam_test(installed_library sh tests/install/test_install.sh ${PROJECT_BINARY_DIR})
    endif()
endif()
