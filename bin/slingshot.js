#!/usr/bin/env node
// JavaScript that any Node reads, so that one too old for the program says so instead of failing on its first line.
import * as module from 'node:module';
import { fileURLToPath } from 'node:url';

const wanted = 24;

function giveUp(line) {
  console.error(`slingshot: ${line}`);
  process.exitCode = 1;
}

if (Number(process.versions.node.split('.')[0]) < wanted) {
  giveUp(
    `needs Node ${wanted} or newer and runs on ${process.version}; npm ci brings it on Linux and on Windows (x64), for npx and npm run`,
  );
} else {
  // What was compiled once starts in 0.6 s instead of 1; where the folder can't be written to, nothing is kept.
  module.enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/slingshot', import.meta.url)));
  import('./slingshot.ts').catch((error) => {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    giveUp('the command line needs the development packages, too: run npm ci without --omit=dev');
  });
}
