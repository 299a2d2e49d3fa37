// The module's exports. Memory is imported and managed by the caller: nothing is allocated here.
export { clear, clearPads, conv1, conv2, conv4 } from "./conv";
export { add, channelsLast, exp, halve, maxPool, phase, phases, round, unpad, upsample } from "./maps";
export { overBlack, rgbToRgba, spreadRow, sumColumns, sumRows } from "./picture";
export { linear, psRoiAlign, roiAlign } from "./regions";
export { transformWeights, winograd } from "./winograd";
