/**
 * A member in a process of its own, to be killed: `member-process.ts NAME LINK FOLDER SEED`, where SEED is the 32 bytes
 * of its signature key in hexadecimal. It speaks as soon as it is a member, and prints `member LEAF EPOCH` whenever that
 * changes.
 */
import { identityOfSeed, HeadlessMember } from './headless-member.ts';
import { FileStore } from './file-store.ts';

const [name = '', link = '', folder = '', seed = ''] = process.argv.slice(2);
const member = new HeadlessMember(name, link, {
  identity: identityOfSeed(seed),
  store: new FileStore(folder),
});
let said = '';
let live = false;
setInterval(() => {
  const current = member.group;
  if (current === undefined) return;
  if (!live) member.goLive();
  live = true;
  member.speak(Buffer.from(`${name} speaks`));
  const says = `member ${String(current.ownLeaf)} ${String(current.epoch)}`;
  if (says !== said) process.stdout.write(`${says}\n`);
  said = says;
}, 50);
