// This package's addon (native/), which is linked to the same libtorch as the addon of @qmimic/torch.
import { fileURLToPath } from "node:url";
import { type AddonSources, TORCH_ADDON } from "@qmimic/torch/setup";

export const QMIMIC_ADDON: AddonSources = {
  name: "qmimic",
  folder: fileURLToPath(new URL("../../native", import.meta.url)),
  headers: [TORCH_ADDON.folder],
};
