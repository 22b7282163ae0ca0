# The model that is linked into the library, where its file is there and it is wanted.
set(BANTAM_BUILTIN_FILE ${PROJECT_SOURCE_DIR}/models/bantam-mini.gguf CACHE FILEPATH
    "The model that is linked into the library")
file(GLOB builtin_file CONFIGURE_DEPENDS ${BANTAM_BUILTIN_FILE})
if(BANTAM_BUILTIN AND builtin_file)
    set_property(SOURCE src/format/builtin_model.c APPEND PROPERTY
        COMPILE_DEFINITIONS "BNT_BUILTIN_FILE=\"${builtin_file}\"")
    set_property(SOURCE src/format/builtin_model.c APPEND PROPERTY OBJECT_DEPENDS ${builtin_file})
endif()
