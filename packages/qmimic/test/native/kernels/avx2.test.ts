import { kernelSuite } from "./cases.js";

kernelSuite("avx2");
