// HTML from template literals: every value is escaped, unless it is already HTML.

/** Safe HTML. Created only by `html` and `trusted`. */
export class Html {
  constructor(readonly markup: string) {}
}

/** Template values; null, undefined and false give nothing, lists are concatenated. */
export type HtmlValue = Html | string | number | null | undefined | false | readonly HtmlValue[];

const ENTITIES: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Escapes text for element content and quoted attribute values. */
export const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (letter) => ENTITIES[letter]);

/** html`<p title="${text}">${text}</p>`: attribute values must be in quotes. */
export function html(parts: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  return new Html(parts.reduce((markup, part, i) => markup + toMarkup(values[i - 1]) + part));
}

/** Markup that is already escaped, such as a chart. Never user text. */
export const trusted = (markup: string): Html => new Html(markup);

function toMarkup(value: HtmlValue): string {
  if (value === null || value === undefined || value === false) return "";
  if (value instanceof Html) return value.markup;
  if (typeof value === "object") return value.map(toMarkup).join("");
  return escapeHtml(String(value));
}
