// docs/recipe.md is generated from the recipe's schema. To update it: npx vitest run packages/qmimic/test/docs/recipe.test.ts --update
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { z } from "zod";
import { kebab } from "../../src/models/index.js";
import { SECTIONS, SETTINGS } from "../../src/train/schema.js";

const document = fileURLToPath(new URL("../../../../docs/recipe.md", import.meta.url));

const INTRODUCTION = `# Recipe
Every setting of a training run. A recipe file is flat YAML with one setting per line; on the command line, each setting is a
flag that overrides the file:
\`\`\`yaml
# faces.yaml
data: ../faces
merge: face
student: vgg-1-32
epochs: 100
anchor-sizes: [16, 32, 64, 128]
\`\`\`
\`\`\`
qmimic train faces.yaml --epochs 60 --anchor-sizes 16,32,64
\`\`\`
Lists are comma-separated on the command line. An unknown name is an error, and so is a setting of a detector other than the
recipe's (the last tables). The run folder has the complete recipe as \`recipe.yaml\`;
\`qmimic train runs/NAME/recipe.yaml\` repeats the run.

This page is generated from the code (packages/qmimic/src/train/settings.ts, methodSettings.ts and the detectors in models/).
`;

type JsonSchema = {
  type?: string;
  enum?: unknown[];
  const?: unknown;
  anyOf?: JsonSchema[];
  items?: JsonSchema;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
};

/** The values of a setting, in words. */
function values(schema: JsonSchema): string {
  if (schema.anyOf) return schema.anyOf.map(values).join(", ");
  if (schema.enum) return schema.enum.map(String).join(", ");
  if (schema.const !== undefined) return String(schema.const);
  if (schema.type === "array") return `list of ${values(schema.items ?? {})}`;
  if (schema.type === "boolean") return "true, false";
  if (schema.type === "string") return "text";
  const { minimum, maximum, exclusiveMinimum } = schema;
  const kind = schema.type === "integer" ? "integer" : "number";
  if (exclusiveMinimum !== undefined) return `${kind} > ${exclusiveMinimum}`;
  if (maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER) return `${kind}, ${minimum} to ${maximum}`;
  return minimum === undefined ? kind : `${kind} >= ${minimum}`;
}

function row(key: string): string {
  const { schema } = SETTINGS.get(key)!;
  const allowed = values(z.toJSONSchema(schema, { io: "input" }) as JsonSchema);
  const value = schema.parse(undefined);
  const empty = value === "" || (Array.isArray(value) && value.length === 0);
  const shown = empty ? "" : `\`${Array.isArray(value) ? JSON.stringify(value) : value}\``;
  return `| \`${kebab(key)}\` | ${shown} | ${allowed} | ${schema.description} |`;
}

it("docs/recipe.md lists every setting as the code has it", async () => {
  const tables = SECTIONS.map(
    ({ title, keys }) =>
      `## ${title}\n| setting | default | values | meaning |\n|---|---|---|---|\n${keys.map(row).join("\n")}\n`,
  );
  expect(new Set(SECTIONS.flatMap(({ keys }) => keys))).toEqual(new Set(SETTINGS.keys()));
  await expect(`${INTRODUCTION}\n${tables.join("\n")}`).toMatchFileSnapshot(document);
});
