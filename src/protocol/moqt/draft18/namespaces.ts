/** Messages about namespaces. @see moqt-18 #track-discovery */
import type { ByteReader } from '../../bytes/byte-reader.ts';
import type { ByteWriter } from '../../bytes/byte-writer.ts';
import type { Message } from '../messages.ts';
import type { RequestId } from '../model.ts';
import { readParameters, writeParameters } from './parameters.ts';
import type { ParameterScope } from './parameters.ts';
import { readNamespace, writeNamespace } from './structures.ts';

type NamespaceKind = 'publish-namespace' | 'subscribe-namespace' | 'subscribe-tracks';
type NamespaceRequest = Extract<Message, { kind: NamespaceKind }>;
type NamespaceNews = Extract<Message, { kind: 'namespace' | 'namespace-done' }>;
type PublishBlocked = Extract<Message, { kind: 'publish-blocked' }>;

const SCOPES: Readonly<Record<NamespaceKind, ParameterScope>> = {
  'publish-namespace': 'PUBLISH_NAMESPACE',
  'subscribe-namespace': 'SUBSCRIBE_NAMESPACE',
  'subscribe-tracks': 'SUBSCRIBE_TRACKS',
};

/**
 * Reads a PUBLISH_NAMESPACE, SUBSCRIBE_NAMESPACE or SUBSCRIBE_TRACKS, which look the same.
 * @see moqt-18 #message-pub-ns, #message-subscribe-ns, #message-subscribe-tracks
 */
export function readNamespaceRequest(reader: ByteReader, kind: NamespaceKind): NamespaceRequest {
  const id = reader.vi64() as RequestId;
  const namespace = readNamespace(reader);
  return { kind, id, namespace, parameters: readParameters(reader, SCOPES[kind]) };
}

/** Writes a PUBLISH_NAMESPACE, SUBSCRIBE_NAMESPACE or SUBSCRIBE_TRACKS. */
export function writeNamespaceRequest(writer: ByteWriter, message: NamespaceRequest): void {
  writeNamespace(writer.vi64(message.id), message.namespace);
  writeParameters(writer, SCOPES[message.kind], message.parameters);
}

/** Reads a NAMESPACE or NAMESPACE_DONE. @see moqt-18 #message-namespace, #message-namespace-done */
export function readNamespaceNews(reader: ByteReader, kind: NamespaceNews['kind']): NamespaceNews {
  return { kind, suffix: readNamespace(reader) };
}

/** Reads a PUBLISH_BLOCKED. @see moqt-18 #message-publish-blocked */
export function readPublishBlocked(reader: ByteReader): PublishBlocked {
  return {
    kind: 'publish-blocked',
    suffix: readNamespace(reader),
    name: new Uint8Array(reader.lengthPrefixed(4096)),
  };
}

/** Writes a PUBLISH_BLOCKED. */
export function writePublishBlocked(writer: ByteWriter, message: PublishBlocked): void {
  writeNamespace(writer, message.suffix);
  writer.lengthPrefixed(message.name);
}
