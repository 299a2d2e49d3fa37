// HTML from template literals: every value is escaped, unless it is HTML made here already.

/** A piece of HTML that is safe to put into a page. Made by `html` and `trusted` alone. */
export class Html {
  constructor(readonly markup: string) {}
}

/** What may stand in a template; null, undefined and false leave nothing, lists are put one after another. */
export type HtmlValue = Html | string | number | null | undefined | false | readonly HtmlValue[];

const ENTITIES: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Text for element content and for attribute values in quotes. */
export const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (letter) => ENTITIES[letter]);

/** html`<p title="${text}">${text}</p>`: attribute values have to stand in quotes. */
export function html(parts: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  return new Html(parts.reduce((markup, part, i) => markup + toMarkup(values[i - 1]) + part));
}

/** Markup from a source that escapes by itself, such as a drawn chart. Never text of the user's. */
export const trusted = (markup: string): Html => new Html(markup);

function toMarkup(value: HtmlValue): string {
  if (value === null || value === undefined || value === false) return "";
  if (value instanceof Html) return value.markup;
  if (typeof value === "object") return value.map(toMarkup).join("");
  return escapeHtml(String(value));
}
