/** The names in a comma-separated list. */
export const namesOf = (text: string): string[] => text.split(",").map((name) => name.trim());
