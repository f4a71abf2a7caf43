package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
)

var saramaChecks = []check{
	{"saramaProduceConsume", saramaProduceConsume},
	{"saramaOldVersions", saramaOldVersions},
	{"saramaCodecs", saramaCodecs},
	{"saramaIdempotence", saramaIdempotence},
	{"saramaGroup", saramaGroup},
	{"saramaAdmin", saramaAdmin},
}

func saramaConfig(version sarama.KafkaVersion) *sarama.Config {
	config := sarama.NewConfig()
	config.Version = version
	config.Producer.Return.Successes = true
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Consumer.Group.Session.Timeout = 6 * time.Second
	config.Consumer.Group.Heartbeat.Interval = 300 * time.Millisecond
	return config
}

func saramaCreate(hosts, stem string, partitions int32) (string, error) {
	admin, err := sarama.NewClusterAdmin([]string{hosts}, saramaConfig(sarama.V3_6_0_0))
	if err != nil {
		return "", err
	}
	defer admin.Close()
	topic := topicName(stem)
	return topic, admin.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: 1}, false)
}

func saramaProduce(hosts, topic string, count int, config *sarama.Config) error {
	producer, err := sarama.NewSyncProducer([]string{hosts}, config)
	if err != nil {
		return err
	}
	defer producer.Close()
	messages := make([]*sarama.ProducerMessage, count)
	for i := range messages {
		messages[i] = &sarama.ProducerMessage{Topic: topic, Key: sarama.StringEncoder("k"), Value: sarama.StringEncoder(fmt.Sprint(i))}
	}
	return producer.SendMessages(messages)
}

func saramaReadAll(hosts, topic string, count int, config *sarama.Config) error {
	consumer, err := sarama.NewConsumer([]string{hosts}, config)
	if err != nil {
		return err
	}
	defer consumer.Close()
	partition, err := consumer.ConsumePartition(topic, 0, sarama.OffsetOldest)
	if err != nil {
		return err
	}
	defer partition.Close()
	for i := 0; i < count; i++ {
		select {
		case message := <-partition.Messages():
			if string(message.Value) != fmt.Sprint(i) || message.Offset != int64(i) {
				return fmt.Errorf("%q at %d where %d was due", message.Value, message.Offset, i)
			}
		case <-time.After(wait):
			return fmt.Errorf("%d of %d messages", i, count)
		}
	}
	return nil
}

func saramaRoundTrip(hosts, stem string, count int, config *sarama.Config) error {
	topic, err := saramaCreate(hosts, stem, 1)
	if err != nil {
		return err
	}
	if err := saramaProduce(hosts, topic, count, config); err != nil {
		return err
	}
	return saramaReadAll(hosts, topic, count, config)
}

func saramaProduceConsume(hosts string) error {
	return saramaRoundTrip(hosts, "plain", 2000, saramaConfig(sarama.V3_6_0_0))
}

// What the client speaks when it is told that the broker is old.
func saramaOldVersions(hosts string) error {
	for _, version := range []sarama.KafkaVersion{sarama.V0_8_2_0, sarama.V0_9_0_0, sarama.V0_10_2_0, sarama.V0_11_0_0, sarama.V1_0_0_0, sarama.V2_1_0_0, sarama.V2_8_0_0} {
		if err := saramaRoundTrip(hosts, "old", 100, saramaConfig(version)); err != nil {
			return fmt.Errorf("%v: %w", version, err)
		}
	}
	return nil
}

func saramaCodecs(hosts string) error {
	for _, codec := range []sarama.CompressionCodec{sarama.CompressionGZIP, sarama.CompressionSnappy, sarama.CompressionLZ4, sarama.CompressionZSTD} {
		config := saramaConfig(sarama.V3_6_0_0)
		config.Producer.Compression = codec
		if err := saramaRoundTrip(hosts, codec.String(), 300, config); err != nil {
			return fmt.Errorf("%v: %w", codec, err)
		}
	}
	return nil
}

func saramaIdempotence(hosts string) error {
	config := saramaConfig(sarama.V3_6_0_0)
	config.Producer.Idempotent = true
	config.Net.MaxOpenRequests = 1
	return saramaRoundTrip(hosts, "idempotent", 1000, config)
}

type saramaCounter struct{ count atomic.Int64 }

func (c *saramaCounter) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (c *saramaCounter) Cleanup(sarama.ConsumerGroupSession) error { return nil }
func (c *saramaCounter) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for message := range claim.Messages() {
		session.MarkMessage(message, "")
		c.count.Add(1)
	}
	return nil
}

func saramaGroup(hosts string) error {
	config := saramaConfig(sarama.V3_6_0_0)
	topic, err := saramaCreate(hosts, "group", 1)
	if err != nil {
		return err
	}
	if err := saramaProduce(hosts, topic, 100, config); err != nil {
		return err
	}
	groupID := topicName("group")
	group, err := sarama.NewConsumerGroup([]string{hosts}, groupID, config)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	counter := &saramaCounter{}
	done := make(chan error)
	go func() {
		// Consume ends with each generation of the group.
		var err error
		for err == nil && ctx.Err() == nil {
			err = group.Consume(ctx, []string{topic}, counter)
		}
		done <- err
	}()
	err = eventually(func() bool { return counter.count.Load() == 100 }, "all hundred")
	cancel()
	<-done
	if closed := group.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	admin, err := sarama.NewClusterAdmin([]string{hosts}, config)
	if err != nil {
		return err
	}
	defer admin.Close()
	offsets, err := admin.ListConsumerGroupOffsets(groupID, map[string][]int32{topic: {0}})
	if err != nil {
		return err
	}
	if err := equal(offsets.GetBlock(topic, 0).Offset, int64(100), "committed"); err != nil {
		return err
	}
	return admin.DeleteConsumerGroup(groupID)
}

func saramaAdmin(hosts string) error {
	topic, err := saramaCreate(hosts, "admin", 2)
	if err != nil {
		return err
	}
	admin, err := sarama.NewClusterAdmin([]string{hosts}, saramaConfig(sarama.V3_6_0_0))
	if err != nil {
		return err
	}
	defer admin.Close()
	found, err := admin.DescribeTopics([]string{topic})
	if err != nil {
		return err
	}
	if err := equal(len(found[0].Partitions), 2, "partitions"); err != nil {
		return err
	}
	value := "3600000"
	if err := admin.AlterConfig(sarama.TopicResource, topic, map[string]*string{"retention.ms": &value}, false); err != nil {
		return err
	}
	err = eventually(func() bool {
		entries, err := admin.DescribeConfig(sarama.ConfigResource{Type: sarama.TopicResource, Name: topic, ConfigNames: []string{"retention.ms"}})
		return err == nil && len(entries) == 1 && entries[0].Value == value
	}, "the altered value")
	if err != nil {
		return err
	}
	if err := admin.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 1}, false); !errors.Is(err, sarama.ErrTopicAlreadyExists) {
		return fmt.Errorf("a second create: %v", err)
	}
	return admin.DeleteTopic(topic)
}
