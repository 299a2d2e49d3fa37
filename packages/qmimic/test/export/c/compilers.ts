// Flags for compilers of the generated source.

export const STRICT = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic"];

/** What -Wall and the like say is an error, and memory that is read or written where it should not be ends the program. */
export const CHECKED = [
  ...STRICT,
  ...["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-D_FORTIFY_SOURCE=0"],
];
