// Commands for the user to copy into a shell.

/** Quotes a word for a POSIX shell. */
export const shellWord = (text: string): string =>
  /^[\w./:=@%+,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;

export const resumeCommand = (run: string): string => `npx qmimic train --resume ${shellWord(run)}`;
