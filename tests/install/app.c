#include <bantam/bantam.h>
#include <stdio.h>

int main(void)
{
    bantam_model *model;
    bantam_error error;
    if (bantam_model_open(&model, "/nowhere/model.gguf", NULL, &error) == BANTAM_OK) return 1;
    printf("bantam %s no such file: %s\n", bantam_version(), bantam_status_name(error.status));
    return 0;
}
