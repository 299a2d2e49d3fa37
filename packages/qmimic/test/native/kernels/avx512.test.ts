import { kernelSuite } from "./cases.js";

kernelSuite("avx512");
