import { kernelSuite } from "./cases.js";

kernelSuite("portable");
