import { aroundEach } from "vitest";
import { running } from "./ending.ts";

// for each file anew: the modules of one that ran before in the same process are not run again
aroundEach((runTest, context) => running.run(context, runTest));
