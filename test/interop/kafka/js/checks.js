// kafkajs: the client of Node's world, in JavaScript alone. Prints one line for each check.
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import kafkajs from 'kafkajs';

const { Kafka, CompressionTypes, logLevel, ConfigResourceTypes } = kafkajs;
const WAIT_MS = 20000;
const hosts = process.argv.at(-1);
const kafka = new Kafka({ clientId: 'samsa-interop', brokers: [hosts], logLevel: logLevel.NOTHING });

const name = (stem) => `${stem}-${randomBytes(4).toString('hex')}`;

function equal(got, wanted, what) {
  const [left, right] = [JSON.stringify(got), JSON.stringify(wanted)];
  if (left !== right) throw new Error(`${what}: ${left} where ${right} was due`);
}

async function eventually(condition, what) {
  for (const deadline = Date.now() + WAIT_MS; !(await condition()); await sleep(50)) {
    if (Date.now() > deadline) throw new Error(`not within ${WAIT_MS} ms: ${what}`);
  }
}

async function withAdmin(body) {
  const admin = kafka.admin();
  await admin.connect();
  try {
    return await body(admin);
  } finally {
    await admin.disconnect();
  }
}

async function create(stem, numPartitions = 1, configEntries = []) {
  const topic = name(stem);
  await withAdmin((admin) => admin.createTopics({ topics: [{ topic, numPartitions, configEntries }] }));
  return topic;
}

async function produce(topic, messages, options = {}, sending = {}) {
  const producer = kafka.producer(options);
  await producer.connect();
  try {
    return await producer.send({ topic, messages, ...sending });
  } finally {
    await producer.disconnect();
  }
}

// Reads with a group of its own until `count` messages came; returns them in the order of arrival.
async function consume(topic, count, groupId = name('group')) {
  const consumer = kafka.consumer({ groupId, sessionTimeout: 6000, heartbeatInterval: 300 });
  const messages = [];
  await consumer.connect();
  try {
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({ eachMessage: async ({ partition, message }) => void messages.push({ partition, ...message }) });
    await eventually(() => messages.length >= count, `${count} messages`);
  } finally {
    await consumer.disconnect();
  }
  equal(messages.length, count, 'messages');
  return messages;
}

const numbered = (count) => Array.from({ length: count }, (_, i) => ({ key: `key-${i % 17}`, value: `${i}` }));

async function topics() {
  const topic = await create('topics', 3);
  await withAdmin(async (admin) => {
    const found = await admin.fetchTopicMetadata({ topics: [topic] });
    equal(found.topics[0].partitions.length, 3, 'partitions');
    equal(await admin.createTopics({ topics: [{ topic }] }), false, 'a second create');
    await admin.deleteTopics({ topics: [topic] });
    await eventually(async () => !(await admin.listTopics()).includes(topic), 'it is gone');
  });
}

async function produceConsume() {
  const topic = await create('plain', 3);
  await produce(topic, numbered(1000));
  const last = new Map();
  for (const message of await consume(topic, 1000)) {
    const [key, number] = [String(message.key), Number(message.value)];
    if (last.get(key) >= number) throw new Error(`${number} came behind ${last.get(key)}`);
    last.set(key, number);
  }
}

async function shapes() {
  const topic = await create('shapes');
  await produce(topic, [
    { key: null, value: 'no key', timestamp: '1000000' },
    { key: 'no value', value: null },
    { key: 'ключ', value: '阿牛', headers: { h: '1' } },
  ]);
  const got = await consume(topic, 3);
  equal([got[0].key, String(got[0].value), got[0].timestamp], [null, 'no key', '1000000'], 'the first');
  equal(got[1].value, null, 'a null');
  equal([String(got[2].key), String(got[2].value), String(got[2].headers.h)], ['ключ', '阿牛', '1'], 'the third');
}

async function gzip() {
  const topic = await create('gzip');
  await produce(topic, numbered(500), {}, { compression: CompressionTypes.GZIP });
  equal((await consume(topic, 500)).map((m) => String(m.value)), numbered(500).map((m) => m.value), 'values');
}

async function idempotence() {
  const topic = await create('idempotent');
  const producer = kafka.producer({ idempotent: true });
  await producer.connect();
  for (let i = 0; i < 50; i += 1) await producer.send({ topic, messages: [{ value: `${i}` }] });
  await producer.disconnect();
  equal((await consume(topic, 50)).map((m) => String(m.value)), Array.from({ length: 50 }, (_, i) => `${i}`), 'values');
}

async function groups() {
  const [topic, groupId] = [await create('groups'), name('group')];
  await produce(topic, numbered(20));
  await consume(topic, 20, groupId);
  await withAdmin(async (admin) => {
    const committed = await admin.fetchOffsets({ groupId, topics: [topic] });
    equal(committed[0].partitions[0].offset, '20', 'committed');
    await admin.setOffsets({ groupId, topic, partitions: [{ partition: 0, offset: '12' }] });
  });
  equal((await consume(topic, 8, groupId)).map((m) => String(m.value)), ['12', '13', '14', '15', '16', '17', '18', '19'],
    'behind the altered offset');
  await withAdmin(async (admin) => {
    equal((await admin.listGroups()).groups.some((group) => group.groupId === groupId), true, 'it is listed');
    await admin.deleteGroups([groupId]);
  });
}

async function admin() {
  const topic = await create('admin');
  await produce(topic, numbered(10));
  await withAdmin(async (client) => {
    await client.alterConfigs({
      resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries: [{ name: 'retention.ms', value: '3600000' }] }],
    });
    await eventually(async () => {
      const found = await client.describeConfigs({
        includeSynonyms: false,
        resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configNames: ['retention.ms'] }],
      });
      return found.resources[0].configEntries[0].configValue === '3600000';
    }, 'the altered value');
    await client.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '6' }] });
    equal((await client.fetchTopicOffsets(topic))[0].low, '6', 'the first offset');
    await client.createPartitions({ topicPartitions: [{ topic, count: 2 }] });
    const cluster = await client.describeCluster();
    equal(cluster.brokers.length, 1, 'brokers');
  });
}

const checks = { topics, produceConsume, shapes, gzip, idempotence, groups, admin };
let number = 0;
for (const [title, check] of Object.entries(checks)) {
  number += 1;
  try {
    await check();
    console.log(`ok ${number} ${title}`);
  } catch (error) {
    console.error(error);
    console.log(`not ok ${number} ${title}: ${String(error).replace(/\s+/g, ' ')}`);
  }
}
console.log(`1..${number}`);
process.exit(0);
