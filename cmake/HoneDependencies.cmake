# SPDX-License-Identifier: Apache-2.0
# The foreign libraries, in one place: target PkgConfig::NAME where the library is installed. A layer that can do
# without asks `if(TARGET PkgConfig::NAME)`. What a layer links is written into hone-config.cmake and hone.pc.

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

function(hone_dependency name module)
    pkg_check_modules(${name} QUIET IMPORTED_TARGET GLOBAL ${module})
    if(TARGET PkgConfig::${name})
        message(STATUS "${module} ${${name}_VERSION}")
    else()
        message(STATUS "${module}: not found; what needs it is left out")
    endif()
    set_property(GLOBAL PROPERTY HONE_MODULE_${name} ${module})
endfunction()

if(HONE_WITH_HWLOC)
    hone_dependency(HWLOC hwloc>=2.0)
endif()
if(HONE_WITH_URING)
    hone_dependency(LIBURING liburing>=2.3)
endif()
hone_dependency(JANSSON jansson)
hone_dependency(LZ4 liblz4) # the codecs of channels
hone_dependency(ZSTD libzstd)
hone_dependency(SNAPPY snappy)
hone_dependency(XXHASH libxxhash)
if(HONE_BENCHES)
    hone_dependency(LIBUV libuv) # a peer of the bench io
endif()
if(HONE_TESTS)
    hone_dependency(CMOCKA cmocka)
    if(NOT TARGET PkgConfig::CMOCKA)
        message(FATAL_ERROR "the tests need cmocka (Debian: libcmocka-dev); without tests: -DHONE_TESTS=OFF")
    endif()
endif()
# Peers of the bench suites, never part of hone. TBB is C++: without a compiler for that it is left out.
set(HONE_HAVE_TBB OFF)
if(HONE_BENCHES)
    include(CheckLanguage)
    if(NOT CMAKE_CXX_COMPILER)
        unset(CMAKE_CXX_COMPILER CACHE) # "not found" of an earlier time: it may be installed by now
    endif()
    check_language(CXX)
    hone_dependency(TBB tbb)
    if(CMAKE_CXX_COMPILER AND TARGET PkgConfig::TBB)
        enable_language(CXX)
        set(HONE_HAVE_TBB ON)
    endif()
endif()
