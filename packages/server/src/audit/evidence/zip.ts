import { crc32 } from "node:zlib";

/** Files by name, in the order they are kept. */
export type BundleFiles = ReadonlyMap<string, Uint8Array>;

/** Midnight of 1 January 1980, where the format's time begins: bytes must not depend on when they were made. */
const dosDate = 0x0021;
const version = 20;
const utf8Names = 0x0800;

/** A ZIP archive without compression (PKWARE APPNOTE): the same files give the same bytes. */
export function encodeZip(files: BundleFiles): Uint8Array {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, bytes] of files) {
    const nameBytes = Buffer.from(name);
    const facts = Buffer.alloc(26);
    facts.writeUInt16LE(version, 0);
    facts.writeUInt16LE(utf8Names, 2);
    facts.writeUInt16LE(dosDate, 8);
    facts.writeUInt32LE(crc32(bytes), 10);
    facts.writeUInt32LE(bytes.length, 14);
    facts.writeUInt32LE(bytes.length, 18);
    facts.writeUInt16LE(nameBytes.length, 22);
    const local = Buffer.concat([signature(0x04034b50), facts, nameBytes, bytes]);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(offset, 10);
    directory.push(Buffer.concat([signature(0x02014b50), number16(version), facts, tail, nameBytes]));
    parts.push(local);
    offset += local.length;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(files.size, 4);
  end.writeUInt16LE(files.size, 6);
  end.writeUInt32LE(central.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...parts, central, signature(0x06054b50), end]);
}

/** Reads an archive as `encodeZip` writes it; undefined for any other, also one with the same files in other bytes. */
export function decodeZip(archive: Uint8Array): BundleFiles | undefined {
  const bytes = Buffer.from(archive.buffer, archive.byteOffset, archive.length);
  const files = new Map<string, Uint8Array>();
  let at = 0;
  while (at + 30 <= bytes.length && bytes.readUInt32LE(at) === 0x04034b50) {
    const size = bytes.readUInt32LE(at + 18);
    const nameEnd = at + 30 + bytes.readUInt16LE(at + 26);
    if (nameEnd + size > bytes.length) return undefined;
    files.set(bytes.subarray(at + 30, nameEnd).toString(), bytes.subarray(nameEnd, nameEnd + size));
    at = nameEnd + size;
  }
  return files.size > 0 && bytes.equals(encodeZip(files)) ? files : undefined;
}

function signature(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function number16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}
