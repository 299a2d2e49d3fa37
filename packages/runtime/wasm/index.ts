// The module's exports. Memory is imported and managed by the caller: nothing is allocated here.
export { clear, clearPads, conv1, conv2, conv4 } from "./conv";
export { channelsLast, phase, phases, unpad } from "./layout";
export { add, exp, halve, maxPool, round, roundSteps, upsample } from "./maps";
export { overBlack, quantizeRow, rgbToRgba, spreadRow, sumColumns, sumRows } from "./picture";
export { linear, psRoiAlign, roiAlign } from "./regions";
export { suppress } from "./suppress";
export { winograd } from "./winograd";
export { transformWeights } from "./winogradWeights";
