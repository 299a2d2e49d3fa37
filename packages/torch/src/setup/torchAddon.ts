// This package's addon.
import { fileURLToPath } from "node:url";
import type { AddonSources } from "./sources.js";

export const TORCH_ADDON: AddonSources = {
  name: "qmimic_torch",
  folder: fileURLToPath(new URL("../../native", import.meta.url)),
  headers: [],
};
