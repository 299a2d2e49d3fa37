// The exports of the module for convolutions of bytes, which only models with rounded maps need.
export { bytes2to2, bytes2to4, bytes4to2, bytes4to4 } from "./byteConv";
export { bytesOfFloats, floatsOfBytes, halveBytes, poolBytes } from "./byteMaps";
