# SPDX-License-Identifier: Apache-2.0
# What `cmake --install` puts down: the layers as static libraries with their headers, hone::<layer> and hone::hone
# for find_package(hone), and hone.pc for pkg-config. The command installs itself (src/cli).

include(CMakePackageConfigHelpers)

get_property(layers GLOBAL PROPERTY HONE_LAYERS)
get_property(foreign GLOBAL PROPERTY HONE_LAYER_LIBS)
list(REMOVE_DUPLICATES foreign)

add_library(hone_umbrella INTERFACE)
add_library(hone::hone ALIAS hone_umbrella)
set_target_properties(hone_umbrella PROPERTIES EXPORT_NAME hone)
set(pc_libs "")
foreach(layer IN LISTS layers)
    target_link_libraries(hone_umbrella INTERFACE hone::${layer})
    install(TARGETS hone_${layer} EXPORT hone-targets ARCHIVE FILE_SET HEADERS)
    string(PREPEND pc_libs " -lhone_${layer}") # the upper layers first, as a linker wants static libraries
endforeach()
install(TARGETS hone_umbrella EXPORT hone-targets)

# What `cmake --install` cannot do without: all of the above and the command. Bench suites come along if they are built.
add_custom_target(hone_package)
foreach(layer IN LISTS layers)
    add_dependencies(hone_package hone_${layer})
endforeach()
if(TARGET hone)
    add_dependencies(hone_package hone hone_printed)
endif()

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/hone)
install(EXPORT hone-targets NAMESPACE hone:: DESTINATION ${package_folder})

# Foreign libraries: PkgConfig::NAME is found again by its module, the rest is a plain linker flag. In hone.pc they
# are public: the layers are static, so whoever links them always needs these, and --static would ask for more.
set(config_modules "")
set(pc_requires "")
set(pc_comma "")
foreach(library IN LISTS foreign)
    if(library MATCHES "^PkgConfig::(.+)$")
        get_property(module GLOBAL PROPERTY HONE_MODULE_${CMAKE_MATCH_1})
        string(APPEND config_modules
            "find_dependency(PkgConfig)\npkg_check_modules(${CMAKE_MATCH_1} REQUIRED IMPORTED_TARGET ${module})\n")
        string(REGEX REPLACE "[<>=]+" " \\0 " required ${module})
        string(APPEND pc_requires "${pc_comma} ${required}")
        set(pc_comma ",")
    elseif(library STREQUAL "Threads::Threads")
        string(APPEND pc_libs " -pthread")
    else()
        string(APPEND pc_libs " -l${library}")
    endif()
endforeach()

configure_package_config_file(cmake/hone-config.cmake.in ${CMAKE_BINARY_DIR}/hone-config.cmake
    INSTALL_DESTINATION ${package_folder})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/hone-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/hone-config.cmake ${CMAKE_BINARY_DIR}/hone-config-version.cmake
    DESTINATION ${package_folder})

file(RELATIVE_PATH prefix_from_pc ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
configure_file(cmake/hone.pc.in ${CMAKE_BINARY_DIR}/hone.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/hone.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
