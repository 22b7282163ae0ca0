# How every file of the project is compiled.
add_library(bantam_options INTERFACE)
target_compile_definitions(bantam_options INTERFACE _DEFAULT_SOURCE)
target_compile_options(bantam_options INTERFACE
    -ffp-contract=off
    -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes
    -Wpointer-arith -Wvla -Wundef -Wwrite-strings -Wformat=2)
if(BANTAM_WERROR)
    target_compile_options(bantam_options INTERFACE -Werror)
endif()
if(BANTAM_SANITIZE)
    add_compile_options(-fsanitize=${BANTAM_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    add_link_options(-fsanitize=${BANTAM_SANITIZE})
endif()
