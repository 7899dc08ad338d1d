#!/usr/bin/env node
// Starts `syncline cross-domain-sync` so that `node cross_domain_sync.js --source personal --target business` works.
// The program is, in this order: the one that SYNCLINE_BIN names, one beside this file, one on the PATH.
'use strict';

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

const name = process.platform === 'win32' ? 'syncline.exe' : 'syncline';
const beside = path.join(__dirname, name);
const program = process.env.SYNCLINE_BIN || (fs.existsSync(beside) ? beside : name);

const child = spawn(program, ['cross-domain-sync', ...process.argv.slice(2)], { stdio: 'inherit' });

// A terminal sends Ctrl-C to both; the program decides what becomes of it, and we wait for its answer.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => { if (signal !== 'SIGINT') child.kill(signal); });
}

child.on('error', (error) => {
  process.stderr.write(
    `Error: the program syncline could not be started (${error.code})\n` +
    'Put it beside this file or on the PATH, or name it in SYNCLINE_BIN\n',
  );
  process.exitCode = 1;
});

child.on('exit', (code, signal) => {
  process.exitCode = signal === null ? code : 130;
});
