# Instruction sets: the suffix of a kernel's file gives it its flags, its folder the processors it
# is compiled for. What a file of one set holds runs only after base/cpu.h has found that set.
set(avx2_flags -mavx2 -mfma -mf16c)
set(avxvnni_flags ${avx2_flags} -mavxvnni)
set(avx512vnni_flags ${avx2_flags} -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512vnni
    -mprefer-vector-width=512)
set(neon_flags "")
set(dotprod_flags -march=armv8.2-a+dotprod)
set(i8mm_flags -march=armv8.2-a+dotprod+i8mm)

if(NOT CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64|amd64")
    list(FILTER library_sources EXCLUDE REGEX "/src/kernel/x86/")
endif()
if(NOT CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64|ARM64")
    list(FILTER library_sources EXCLUDE REGEX "/src/kernel/arm/")
endif()
foreach(set avx2 avxvnni avx512vnni neon dotprod i8mm)
    set(files ${library_sources})
    list(FILTER files INCLUDE REGEX "/src/kernel/(x86|arm)/[^/]*_${set}\\.c$")
    set_property(SOURCE ${files} APPEND PROPERTY COMPILE_OPTIONS ${${set}_flags})
endforeach()
# In release builds kernels are worth more optimization than the rest.
set(files ${library_sources})
list(FILTER files INCLUDE REGEX "/src/kernel/(x86|arm)/")
set_property(SOURCE ${files} APPEND PROPERTY COMPILE_OPTIONS $<$<CONFIG:Release>:-O3>)
# GCC's first scheduling pass lifts the loads of a tile until its sums no longer fit the registers.
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    list(FILTER files INCLUDE REGEX "/src/kernel/arm/(attend|rows|learn)_")
    set_property(SOURCE ${files} APPEND PROPERTY COMPILE_OPTIONS -fno-schedule-insns)
endif()
