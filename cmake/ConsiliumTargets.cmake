# How every target of the project is built: language level, warnings as errors, sanitizers.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")

set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1")  # assertions stay on; line tables for stack traces
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1 -DNDEBUG")  # with sanitizers: a fifth faster to build

set(CONSILIUM_SANITIZE "" CACHE STRING "Sanitizers to compile in, as -fsanitize takes them")
option(CONSILIUM_FUZZ "Build the libFuzzer targets (clang only)" OFF)
option(CONSILIUM_BENCH "Build the micro-benchmarks" OFF)
option(CONSILIUM_WERROR "Treat warnings as errors" ON)

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CCACHE_PROGRAM}")
endif()

add_library(consilium_options INTERFACE)
target_include_directories(consilium_options INTERFACE "${CMAKE_SOURCE_DIR}")
target_compile_options(consilium_options INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -ffp-contract=off -fno-math-errno)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 reports writes past the end of a vector that it is just growing (GCC bugs 105562 and
  # 105329).
  target_compile_options(consilium_options INTERFACE
    -Wno-stringop-overflow -Wno-stringop-overread -Wno-restrict -Wno-array-bounds)
endif()
if(CONSILIUM_WERROR)
  target_compile_options(consilium_options INTERFACE -Werror)
endif()
if(CONSILIUM_SANITIZE)
  target_compile_options(consilium_options INTERFACE
    -fsanitize=${CONSILIUM_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(consilium_options INTERFACE -fsanitize=${CONSILIUM_SANITIZE})
endif()
if(CONSILIUM_FUZZ)
  target_compile_options(consilium_options INTERFACE -fsanitize=fuzzer-no-link)
endif()

# consilium_library(name SOURCES a.cpp ... DEPS target ...)
function(consilium_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPS;PRIVATE_DEPS" ${ARGN})
  if(arg_SOURCES)
    add_library(consilium_${name} STATIC ${arg_SOURCES})
    target_link_libraries(consilium_${name} PUBLIC consilium_options ${arg_DEPS}
                                            PRIVATE ${arg_PRIVATE_DEPS})
  else()
    add_library(consilium_${name} INTERFACE)
    target_link_libraries(consilium_${name} INTERFACE consilium_options ${arg_DEPS})
  endif()
endfunction()

# Builds what the demo starts, and no test: programs that are defined below tests/ stay out, and the
# demo's launcher names those of them that it needs as its dependencies.
add_custom_target(programs)

# consilium_program(name SOURCES main.cpp ... DEPS target ...): an executable in bin/
function(consilium_program name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE consilium_options ${arg_DEPS})
  if(NOT CMAKE_CURRENT_SOURCE_DIR MATCHES "^${CMAKE_SOURCE_DIR}/tests(/|$)")
    add_dependencies(programs ${name})
  endif()
endfunction()

# consilium_test(name SOURCES a_test.cpp ... [READS_FILES b_test.cpp ...] DEPS target ...): one
# GoogleTest binary; every test case of it becomes a ctest test of its own name. READS_FILES are the
# sources that look for vectors or data.
function(consilium_test name)
  cmake_parse_arguments(arg "" "TIMEOUT" "SOURCES;READS_FILES;DEPS" ${ARGN})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE consilium_options ${arg_DEPS} GTest::gmock_main)
  # The code of the tests themselves costs more to compile than it runs, a sanitizer's checks in it
  # even more; the product under test is optimised as ever.
  if(CONSILIUM_SANITIZE)
    target_compile_options(${name} PRIVATE -O0)
  else()
    target_compile_options(${name} PRIVATE $<$<CONFIG:Release>:-O1>)
  endif()
  # Only the files named here see these paths: a compiler cache then serves all others whatever
  # directory the tree lies in.
  set_property(SOURCE ${arg_READS_FILES} APPEND PROPERTY COMPILE_DEFINITIONS
    CONSILIUM_TEST_VECTORS="${CMAKE_SOURCE_DIR}/tests/vectors"
    CONSILIUM_SHARED_DATA="${CMAKE_SOURCE_DIR}/../shared/data")
  gtest_discover_tests(${name} TEST_PREFIX "${name}." DISCOVERY_MODE PRE_TEST
    PROPERTIES TIMEOUT ${arg_TIMEOUT})
endfunction()

# consilium_fuzz_target(name SOURCES x_fuzz.cpp DEPS target ...): built with CONSILIUM_FUZZ only
function(consilium_fuzz_target name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPS" ${ARGN})
  if(CONSILIUM_FUZZ)
    add_executable(${name} ${arg_SOURCES})
    target_link_libraries(${name} PRIVATE consilium_options ${arg_DEPS})
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  endif()
endfunction()

# consilium_benchmark(name SOURCES x_bench.cpp DEPS target ...): built with CONSILIUM_BENCH only
add_custom_target(benchmarks)
function(consilium_benchmark name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPS" ${ARGN})
  if(CONSILIUM_BENCH)
    add_executable(${name} ${arg_SOURCES})
    target_link_libraries(${name} PRIVATE consilium_options ${arg_DEPS} benchmark::benchmark_main)
    add_dependencies(benchmarks ${name})
  endif()
endfunction()
