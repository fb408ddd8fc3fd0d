# SPDX-License-Identifier: Apache-2.0
# The few functions that every folder's CMakeLists.txt is made of.
#
#   hone_layer(NAME SOURCES a.c b.c DEPS base platform [LIBS PkgConfig::X])   library hone::NAME, its own include root
#   hone_kernel(NAME SOURCES a.c a_avx2.c a_neon.c DEPS base)   layer hone::kernels_NAME; a variant's suffix is its ISA
#   hone_test(NAME SOURCES a_test.c DEPS base [ARGS ...] [LABELS ...] [SERIAL])   cmocka test, run by ctest; SERIAL: it
#                                                     judges times, so nothing else may run beside it
#   hone_fuzz(NAME SOURCE a_fuzz.c DEPS base)        libFuzzer target, or a replayer of tests/corpora/NAME in ctest
#   hone_bench(SUITE SOURCES a_bench.c DEPS ... [LIBS ...])   executable hone-bench-SUITE, found by `hone bench SUITE`

add_library(hone_flags INTERFACE)
target_compile_features(hone_flags INTERFACE c_std_17)
target_compile_options(hone_flags INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef -Wpointer-arith
    -Wwrite-strings -Wformat=2 -fno-omit-frame-pointer -fno-strict-overflow $<$<BOOL:${HONE_WERROR}>:-Werror>
    # with NDEBUG, what only asserts use is unused
    $<$<CONFIG:Release,MinSizeRel>:-Wno-unused-function;-Wno-unused-variable;-Wno-unused-parameter>)
target_compile_definitions(hone_flags INTERFACE _GNU_SOURCE)
# Hardware checks of control flow (docs/decisions/0008). HONE_HARDENING_MARKS is what readelf shows of every object;
# empty where the toolchain or the CPU family has no such thing.
set(HONE_HARDENING_MARKS "")
if(HONE_HARDENING)
    include(CheckCCompilerFlag)
    if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
        check_c_compiler_flag(-fcf-protection=full HONE_HAS_CF_PROTECTION)
        if(HONE_HAS_CF_PROTECTION)
            set(HONE_HARDENING_MARKS "IBT, SHSTK")
            target_compile_options(hone_flags INTERFACE -fcf-protection=full)
            # Start files of a C library without marks would take the program's away; they return as they call.
            set(is_program $<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>)
            target_link_options(hone_flags INTERFACE $<${is_program}:-Wl,-z,shstk>)
        endif()
    elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
        check_c_compiler_flag(-mbranch-protection=standard HONE_HAS_BRANCH_PROTECTION)
        if(HONE_HAS_BRANCH_PROTECTION)
            set(HONE_HARDENING_MARKS "BTI, PAC")
            target_compile_options(hone_flags INTERFACE -mbranch-protection=standard)
        endif()
    endif()
endif()
if(HONE_SANITIZE)
    target_compile_options(hone_flags INTERFACE -fsanitize=${HONE_SANITIZE} -fno-sanitize-recover=all)
    target_link_options(hone_flags INTERFACE -fsanitize=${HONE_SANITIZE})
endif()
if(HONE_FUZZ)
    target_compile_options(hone_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

set_property(GLOBAL PROPERTY HONE_LAYERS "")

function(hone_layer name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPS;LIBS")
    file(GLOB_RECURSE headers CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/include/*.h)
    add_library(hone_${name} STATIC ${arg_SOURCES})
    add_library(hone::${name} ALIAS hone_${name})
    set_target_properties(hone_${name} PROPERTIES EXPORT_NAME ${name} POSITION_INDEPENDENT_CODE ON)
    target_sources(hone_${name} PUBLIC FILE_SET HEADERS BASE_DIRS ${CMAKE_CURRENT_SOURCE_DIR}/include FILES ${headers})
    target_include_directories(hone_${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
    target_compile_features(hone_${name} PUBLIC c_std_11)
    list(TRANSFORM arg_DEPS PREPEND hone::)
    target_link_libraries(hone_${name} PUBLIC ${arg_DEPS} PRIVATE ${arg_LIBS} $<BUILD_INTERFACE:hone_flags>)
    set_property(GLOBAL APPEND PROPERTY HONE_LAYERS ${name})
    set_property(GLOBAL APPEND PROPERTY HONE_LAYER_LIBS ${arg_LIBS})
endfunction()

# The files NAME_avx2.c, NAME_avx512.c, NAME_avx512vnni.c, NAME_neon.c and NAME_neondot.c are built with the flags of
# their instruction set, and only where the architecture has it and HONE_SIMD is on; HONE_HAVE_AVX2 and so on tell the
# kernel's table which ones there are.
# What the flags allow is what hone/base/isa_mask.h names HONE_ISA_NEEDED_....
set(HONE_ISA_AVX2_FLAGS -mavx2 -mfma -mbmi2 -mf16c)
set(HONE_ISA_AVX512_FLAGS ${HONE_ISA_AVX2_FLAGS} -mavx512f -mavx512cd -mavx512bw -mavx512dq -mavx512vl)
set(HONE_ISA_AVX512VNNI_FLAGS ${HONE_ISA_AVX512_FLAGS} -mavx512vnni)
set(HONE_ISA_NEON_FLAGS "")
set(HONE_ISA_NEONDOT_FLAGS -march=armv8.2-a+dotprod)
set(HONE_ISA_NAMES "")
if(HONE_SIMD AND CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
    set(HONE_ISA_NAMES AVX2 AVX512 AVX512VNNI)
elseif(HONE_SIMD AND CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
    set(HONE_ISA_NAMES NEON NEONDOT)
endif()

function(hone_kernel name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPS;LIBS")
    set(sources "")
    set(definitions "")
    foreach(source ${arg_SOURCES})
        if(NOT source MATCHES "_(avx2|avx512|avx512vnni|neon|neondot)\\.c$")
            list(APPEND sources ${source})
            continue()
        endif()
        string(TOUPPER ${CMAKE_MATCH_1} isa)
        if(isa IN_LIST HONE_ISA_NAMES)
            list(APPEND sources ${source})
            list(APPEND definitions HONE_HAVE_${isa})
            set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS "${HONE_ISA_${isa}_FLAGS}")
        endif()
    endforeach()
    hone_layer(kernels_${name} SOURCES ${sources} DEPS ${arg_DEPS} LIBS ${arg_LIBS})
    list(REMOVE_DUPLICATES definitions)
    target_compile_definitions(hone_kernels_${name} PRIVATE ${definitions})
endfunction()

function(hone_test name)
    if(NOT HONE_TESTS)
        return()
    endif()
    cmake_parse_arguments(PARSE_ARGV 1 arg "SERIAL" "TIMEOUT" "SOURCES;DEPS;LIBS;ARGS;LABELS")
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 300)
    endif()
    add_executable(${name} ${arg_SOURCES})
    list(TRANSFORM arg_DEPS PREPEND hone::)
    target_include_directories(${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
    target_link_libraries(${name} PRIVATE ${arg_DEPS} ${arg_LIBS} PkgConfig::CMOCKA Threads::Threads hone_flags)
    target_compile_definitions(${name} PRIVATE
        HONE_SOURCE_DIR="${CMAKE_SOURCE_DIR}" HONE_BUILD_DIR="${CMAKE_BINARY_DIR}"
        HONE_IS_EMULATED=$<BOOL:${CMAKE_CROSSCOMPILING}>) # no exec of a built program, and no times that mean anything
    add_test(NAME ${name} COMMAND ${name} ${arg_ARGS})
    set_tests_properties(${name} PROPERTIES TIMEOUT ${arg_TIMEOUT} LABELS "${arg_LABELS}" SKIP_RETURN_CODE 77
        RUN_SERIAL ${arg_SERIAL})
endfunction()

function(hone_fuzz name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "SOURCE" "DEPS;LIBS")
    if(NOT HONE_TESTS)
        return()
    endif()
    list(TRANSFORM arg_DEPS PREPEND hone::)
    if(HONE_FUZZ)
        add_executable(fuzz_${name} ${arg_SOURCE})
        target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    else()
        add_executable(fuzz_${name} ${arg_SOURCE} ${CMAKE_SOURCE_DIR}/tests/corpus_replay.c)
        add_test(NAME corpus_${name} COMMAND fuzz_${name} ${CMAKE_SOURCE_DIR}/tests/corpora/${name})
    endif()
    target_include_directories(fuzz_${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
    target_link_libraries(fuzz_${name} PRIVATE ${arg_DEPS} ${arg_LIBS} hone_flags)
endfunction()

function(hone_bench suite)
    if(NOT HONE_BENCHES)
        return()
    endif()
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPS;LIBS")
    add_executable(hone-bench-${suite} ${arg_SOURCES})
    list(TRANSFORM arg_DEPS PREPEND hone::)
    target_include_directories(hone-bench-${suite} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
    target_link_libraries(hone-bench-${suite} PRIVATE ${arg_DEPS} hone::measure ${arg_LIBS} hone_flags)
    set_target_properties(hone-bench-${suite} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/libexec/hone)
    # OPTIONAL: hone_package, which an install needs, builds no suites
    install(TARGETS hone-bench-${suite} RUNTIME DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/hone OPTIONAL)
endfunction()
