// SPDX-License-Identifier: Apache-2.0
// What test_node_client.py runs: test_node_client.mjs PACKAGES NAMESPACE. Prints a line for each check, `ok NAME` or `failed NAME: why`.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [packages, namespace] = process.argv.slice(2);
const entry = createRequire(`${packages}/`).resolve('@kubernetes/client-node');
const k8s = await import(pathToFileURL(entry));

const config = new k8s.KubeConfig();
config.loadFromDefault();
const core = config.makeApiClient(k8s.CoreV1Api);
const apps = config.makeApiClient(k8s.AppsV1Api);
const extensions = config.makeApiClient(k8s.ApiextensionsV1Api);
const custom = config.makeApiClient(k8s.CustomObjectsApi);
const objects = k8s.KubernetesObjectApi.makeApiClient(config);
const b64 = (text) => Buffer.from(text).toString('base64');
const type = (name) => k8s.setHeaderOptions('Content-Type', name);
const secret = (name, data, more = {}) => ({ apiVersion: 'v1', kind: 'Secret', metadata: { name, ...more }, stringData: data });

async function refusal(promise) {
  try {
    await promise;
  } catch (error) {
    const status = typeof error.body === 'string' ? JSON.parse(error.body) : error.body;
    return { code: error.code, reason: status.reason, message: status.message };
  }
  throw new Error('it went well');
}

// An emitter's or a watch's events, one after the other.
class Events {
  queue = [];
  waiting = null;

  push(event) {
    this.queue.push(event);
    this.waiting?.();
  }

  async until(wanted) {
    for (;;) {
      while (this.queue.length > 0) {
        const event = this.queue.shift();
        if (wanted(event)) return event;
      }
      await new Promise((resolve) => (this.waiting = resolve));
    }
  }
}

const checks = {
  async crud() {
    const made = await core.createNamespacedSecret({ namespace, body: secret('crud', { a: '1' }, { labels: { app: 'x' } }) });
    assert.equal(made.data.a, b64('1'));
    assert.ok(made.metadata.creationTimestamp instanceof Date);
    const read = await core.readNamespacedSecret({ namespace, name: 'crud' });
    assert.equal(read.metadata.uid, made.metadata.uid);
    read.data.b = b64('2');
    const written = await core.replaceNamespacedSecret({ namespace, name: 'crud', body: read });
    assert.deepEqual(written.data, { a: b64('1'), b: b64('2') });
    assert.equal((await refusal(core.replaceNamespacedSecret({ namespace, name: 'crud', body: made }))).code, 409);
    const list = await core.listNamespacedSecret({ namespace, labelSelector: 'app=x' });
    assert.deepEqual(list.items.map((item) => item.metadata.name), ['crud']);
    await core.deleteNamespacedSecret({ namespace, name: 'crud' });
    const gone = await refusal(core.readNamespacedSecret({ namespace, name: 'crud' }));
    assert.deepEqual(gone, { code: 404, reason: 'NotFound', message: 'secrets "crud" not found' });
  },

  async refusals() {
    assert.equal((await refusal(core.createNamespacedSecret({ namespace, body: secret('Bad_Name', {}) }))).code, 422);
    assert.equal((await refusal(core.createNamespacedSecret({ namespace: 'no-such', body: secret('a', {}) }))).code, 404);
    const twice = { ...secret('typed', { a: '1' }), type: 'kubernetes.io/tls' };
    const refused = await refusal(core.createNamespacedSecret({ namespace, body: twice }));
    assert.match(refused.message, /data\[tls.crt\]/);
  },

  async patches() {
    await core.createNamespacedConfigMap({ namespace, body: { metadata: { name: 'p' }, data: { a: '1', b: '2' } } });
    const patch = (body, name) => core.patchNamespacedConfigMap({ namespace, name: 'p', body }, type(k8s.PatchStrategy[name]));
    assert.deepEqual((await patch([{ op: 'replace', path: '/data/a', value: '3' }], 'JsonPatch')).data, { a: '3', b: '2' });
    assert.deepEqual((await patch({ data: { b: null } }, 'MergePatch')).data, { a: '3' });
    assert.deepEqual((await patch({ data: { c: '4' } }, 'StrategicMergePatch')).data, { a: '3', c: '4' });
    const applied = await core.patchNamespacedConfigMap(
      { namespace, name: 'p', fieldManager: 'node', force: true,
        body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'p' }, data: { a: '5' } } },
      type(k8s.PatchStrategy.ServerSideApply));
    assert.deepEqual(applied.data, { a: '5', c: '4' });
    assert.ok(applied.metadata.managedFields.some((entry) => entry.manager === 'node' && entry.operation === 'Apply'));
    assert.equal((await refusal(patch([{ op: 'test', path: '/data/a', value: 'x' }], 'JsonPatch'))).code, 422);
  },

  async subresources() {
    const labels = { app: 'd' };
    await apps.createNamespacedDeployment({ namespace, body: {
      metadata: { name: 'd' },
      spec: { replicas: 1, selector: { matchLabels: labels }, template: { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'i' }] } } } } });
    const scale = await apps.readNamespacedDeploymentScale({ namespace, name: 'd' });
    scale.spec.replicas = 4;
    await apps.replaceNamespacedDeploymentScale({ namespace, name: 'd', body: scale });
    await apps.patchNamespacedDeploymentStatus({ namespace, name: 'd', body: { status: { replicas: 3 } } }, type(k8s.PatchStrategy.MergePatch));
    const found = await apps.readNamespacedDeployment({ namespace, name: 'd' });
    assert.deepEqual([found.spec.replicas, found.status.replicas], [4, 3]);
  },

  async pages() {
    for (let i = 0; i < 5; i++) await core.createNamespacedSecret({ namespace, body: secret(`page-${i}`, {}, { labels: { page: 'y' } }) });
    const names = [];
    let next;
    do {
      const page = await core.listNamespacedSecret({ namespace, labelSelector: 'page', limit: 2, _continue: next });
      names.push(...page.items.map((item) => item.metadata.name));
      next = page.metadata._continue;
    } while (next);
    assert.deepEqual(names, [0, 1, 2, 3, 4].map((i) => `page-${i}`));
    await core.deleteCollectionNamespacedSecret({ namespace, labelSelector: 'page' });
    assert.equal((await core.listNamespacedSecret({ namespace, labelSelector: 'page' })).items.length, 0);
  },

  async watch() {
    const events = new Events();
    const done = new Promise((resolve) => events.done = resolve);
    const controller = await new k8s.Watch(config).watch(`/api/v1/namespaces/${namespace}/secrets`, { allowWatchBookmarks: true, labelSelector: 'watch' },
      (phase, object) => events.push({ phase, name: object.metadata.name, data: object.data }), (error) => events.done(error));
    await core.createNamespacedSecret({ namespace, body: secret('w', { a: '1' }, { labels: { watch: 'y' } }) });
    assert.deepEqual(await events.until((event) => event.name === 'w'), { phase: 'ADDED', name: 'w', data: { a: b64('1') } });
    await core.patchNamespacedSecret({ namespace, name: 'w', body: { data: { a: b64('2') } } }, type(k8s.PatchStrategy.MergePatch));
    assert.equal((await events.until((event) => event.phase === 'MODIFIED')).data.a, b64('2'));
    await core.deleteNamespacedSecret({ namespace, name: 'w' });
    await events.until((event) => event.phase === 'DELETED');
    controller.abort();
    await done;
  },

  async informer() {
    const events = new Events();
    const path = `/api/v1/namespaces/${namespace}/configmaps`;
    const list = () => core.listNamespacedConfigMap({ namespace, labelSelector: 'informer' });
    const informer = k8s.makeInformer(config, path, list, 'informer');
    for (const verb of ['add', 'update', 'delete']) informer.on(verb, (object) => events.push({ verb, name: object.metadata.name, data: object.data }));
    let up = true;
    let broken = false;
    informer.on('error', () => up ? informer.start() : (broken = true));
    const create = (name) => core.createNamespacedConfigMap({ namespace, body: { metadata: { name, labels: { informer: 'y' } }, data: { a: '1' } } });
    await create('i1');
    await informer.start();
    await events.until((event) => event.verb === 'add' && event.name === 'i1');
    await create('i2');
    await events.until((event) => event.verb === 'add' && event.name === 'i2');
    await core.patchNamespacedConfigMap({ namespace, name: 'i1', body: { data: { a: '2' } } }, type(k8s.PatchStrategy.MergePatch));
    await events.until((event) => event.verb === 'update' && event.name === 'i1' && event.data.a === '2');
    // the test restarts the server under it: the watch breaks, and the informer begins again where it was
    console.log('restart');
    up = false;
    await new Promise((resolve) => process.stdin.once('data', resolve));
    up = true;
    if (broken) await informer.start();
    await create('i3');
    await events.until((event) => event.verb === 'add' && event.name === 'i3');
    await core.deleteNamespacedConfigMap({ namespace, name: 'i2' });
    await events.until((event) => event.verb === 'delete' && event.name === 'i2');
    assert.deepEqual(informer.list().map((object) => object.metadata.name).sort(), ['i1', 'i3']);
    await informer.stop();
  },

  async customObjects() {
    const group = 'node.example.com';
    const version = 'v1';
    const plural = 'toys';
    const schema = { type: 'object', properties: { spec: { type: 'object', properties: { size: { type: 'integer', _default: 3, minimum: 1 } } } } };
    await extensions.createCustomResourceDefinition({ body: {
      metadata: { name: `${plural}.${group}` },
      spec: { group, scope: 'Namespaced', names: { plural, kind: 'Toy' }, versions: [{ name: version, served: true, storage: true, schema: { openAPIV3Schema: schema } }] } } });
    const established = new Events();
    const controller = await new k8s.Watch(config).watch('/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
      { fieldSelector: `metadata.name=${plural}.${group}` }, (_, object) => established.push(object), () => {});
    await established.until((object) => object.status?.conditions?.some((c) => c.type === 'Established' && c.status === 'True'));
    controller.abort();
    const at = { group, version, namespace, plural };
    const made = await custom.createNamespacedCustomObject({ ...at, body: { apiVersion: `${group}/${version}`, kind: 'Toy', metadata: { name: 't' }, spec: {} } });
    assert.equal(made.spec.size, 3);
    const patched = await custom.patchNamespacedCustomObject({ ...at, name: 't', body: [{ op: 'replace', path: '/spec/size', value: 4 }] });
    assert.equal(patched.spec.size, 4);
    const refused = await refusal(custom.patchNamespacedCustomObject({ ...at, name: 't', body: [{ op: 'replace', path: '/spec/size', value: 0 }] }));
    assert.equal(refused.code, 422);
    assert.deepEqual((await custom.listNamespacedCustomObject(at)).items.map((item) => item.spec.size), [4]);
    const read = await objects.read({ apiVersion: `${group}/${version}`, kind: 'Toy', metadata: { name: 't', namespace } });
    assert.equal(read.metadata.uid, made.metadata.uid);
    await extensions.deleteCustomResourceDefinition({ name: `${plural}.${group}` });
  },
};

let failed = 0;
for (const [name, check] of Object.entries(checks)) {
  try {
    await check();
    console.log(`ok ${name}`);
  } catch (error) {
    failed++;
    console.log(`failed ${name}: ${(error.stack ?? String(error)).replaceAll('\n', ' | ')}`);
  }
}
process.exit(failed ? 1 : 0);
