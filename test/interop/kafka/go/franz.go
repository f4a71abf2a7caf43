package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

var franzChecks = []check{
	{"franzTopics", franzTopics},
	{"franzProduceConsume", franzProduceConsume},
	{"franzCodecs", franzCodecs},
	{"franzGroup", franzGroup},
	{"franzRebalance", franzRebalance},
	{"franzAdmin", franzAdmin},
	{"franzRefusals", franzRefusals},
}

func franzClient(hosts string, options ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(hosts)}, options...)...)
}

// withFranz makes a client and a topic, and runs the check's body.
func withFranz(hosts, stem string, partitions int32, config map[string]*string,
	body func(ctx context.Context, client *kgo.Client, admin *kadm.Client, topic string) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*wait)
	defer cancel()
	client, err := franzClient(hosts, kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)))
	if err != nil {
		return err
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	topic := topicName(stem)
	made, err := admin.CreateTopic(ctx, partitions, 1, config, topic)
	if err == nil {
		err = made.Err
	}
	if err != nil {
		return err
	}
	return body(ctx, client, admin, topic)
}

func franzProduce(ctx context.Context, client *kgo.Client, topic string, count int) error {
	records := make([]*kgo.Record, count)
	for i := range records {
		records[i] = &kgo.Record{Topic: topic, Key: []byte(fmt.Sprint("key-", i%17)), Value: []byte(fmt.Sprint(i))}
	}
	return client.ProduceSync(ctx, records...).FirstErr()
}

func franzTake(ctx context.Context, client *kgo.Client, count int) ([]*kgo.Record, error) {
	var records []*kgo.Record
	for len(records) < count {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return nil, fmt.Errorf("%d of %d records: %w", len(records), count, err)
		}
		records = append(records, fetches.Records()...)
	}
	return records, equal(len(records), count, "records")
}

func franzReadAll(ctx context.Context, hosts, topic string, count int) ([]*kgo.Record, error) {
	reader, err := franzClient(hosts, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	return franzTake(ctx, reader, count)
}

func franzTopics(hosts string) error {
	return withFranz(hosts, "topics", 3, nil, func(ctx context.Context, client *kgo.Client, admin *kadm.Client, topic string) error {
		found, err := admin.ListTopics(ctx, topic)
		if err != nil {
			return err
		}
		if err := equal(len(found[topic].Partitions), 3, "partitions"); err != nil {
			return err
		}
		made, err := admin.CreateTopic(ctx, 1, 1, nil, topic)
		if err == nil {
			err = made.Err
		}
		if !errors.Is(err, kerr.TopicAlreadyExists) {
			return fmt.Errorf("a second create: %v", err)
		}
		deleted, err := admin.DeleteTopics(ctx, topic)
		if err != nil {
			return err
		}
		return deleted[topic].Err
	})
}

func franzProduceConsume(hosts string) error {
	return withFranz(hosts, "plain", 3, nil, func(ctx context.Context, client *kgo.Client, admin *kadm.Client, topic string) error {
		if err := franzProduce(ctx, client, topic, 3000); err != nil {
			return err
		}
		records, err := franzReadAll(ctx, hosts, topic, 3000)
		if err != nil {
			return err
		}
		last := map[string]int{}
		for _, record := range records {
			var number int
			fmt.Sscan(string(record.Value), &number)
			if before, seen := last[string(record.Key)]; seen && before >= number {
				return fmt.Errorf("%d came behind %d", number, before)
			}
			last[string(record.Key)] = number
		}
		return nil
	})
}

func franzCodecs(hosts string) error {
	for name, codec := range map[string]kgo.CompressionCodec{"gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
		"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression()} {
		err := withFranz(hosts, name, 1, nil, func(ctx context.Context, client *kgo.Client, admin *kadm.Client, topic string) error {
			writer, err := franzClient(hosts, kgo.ProducerBatchCompression(codec))
			if err != nil {
				return err
			}
			defer writer.Close()
			if err := franzProduce(ctx, writer, topic, 500); err != nil {
				return err
			}
			records, err := franzReadAll(ctx, hosts, topic, 500)
			if err != nil {
				return err
			}
			return equal(string(records[499].Value), "499", name)
		})
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func franzGroup(hosts string) error {
	return withFranz(hosts, "commits", 1, nil, func(ctx context.Context, client *kgo.Client, admin *kadm.Client, topic string) error {
		group := topicName("group")
		if err := franzProduce(ctx, client, topic, 20); err != nil {
			return err
		}
		member, err := franzClient(hosts, kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.DisableAutoCommit(),
			kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
		if err != nil {
			return err
		}
		records, err := franzTake(ctx, member, 20)
		if err == nil {
			err = member.CommitRecords(ctx, records[11])
		}
		member.Close()
		if err != nil {
			return err
		}
		offsets, err := admin.FetchOffsets(ctx, group)
		if err != nil {
			return err
		}
		found, _ := offsets.Lookup(topic, 0)
		if err := equal(found.At, int64(12), "committed"); err != nil {
			return err
		}
		lag, err := admin.Lag(ctx, group)
		if err != nil {
			return err
		}
		return equal(lag[group].Lag.Total(), int64(8), "lag")
	})
}

func franzRebalance(hosts string) error {
	return withFranz(hosts, "rebalance", 4, nil, func(ctx context.Context, client *kgo.Client, admin *kadm.Client, topic string) error {
		group := topicName("group")
		member := func() (*kgo.Client, error) {
			return franzClient(hosts, kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic),
				kgo.Balancers(kgo.CooperativeStickyBalancer()), kgo.SessionTimeout(6*time.Second), kgo.HeartbeatInterval(300*time.Millisecond))
		}
		shares := func(wanted ...int) func() bool {
			return func() bool {
				found, err := admin.DescribeGroups(ctx, group)
				if err != nil || found[group].State != "Stable" || len(found[group].Members) != len(wanted) {
					return false
				}
				for i, one := range found[group].Members {
					assigned, _ := one.Assigned.AsConsumer()
					count := 0
					for _, topic := range assigned.Topics {
						count += len(topic.Partitions)
					}
					if count != wanted[i] {
						return false
					}
				}
				return true
			}
		}
		first, err := member()
		if err != nil {
			return err
		}
		defer first.Close()
		second, err := member()
		if err != nil {
			return err
		}
		err = eventually(shares(2, 2), "two shares")
		second.Close()
		if err != nil {
			return err
		}
		return eventually(shares(4), "one takes all")
	})
}

func franzAdmin(hosts string) error {
	return withFranz(hosts, "admin", 1, nil, func(ctx context.Context, client *kgo.Client, admin *kadm.Client, topic string) error {
		if err := franzProduce(ctx, client, topic, 10); err != nil {
			return err
		}
		value := "3600000"
		altered, err := admin.AlterTopicConfigs(ctx, []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "retention.ms", Value: &value}}, topic)
		if err == nil {
			_, err = altered.On(topic, func(one *kadm.AlterConfigsResponse) error { return one.Err })
		}
		if err != nil {
			return err
		}
		err = eventually(func() bool {
			configs, err := admin.DescribeTopicConfigs(ctx, topic)
			if err != nil || len(configs) != 1 {
				return false
			}
			for _, config := range configs[0].Configs {
				if config.Key == "retention.ms" {
					return *config.Value == value
				}
			}
			return false
		}, "the altered value")
		if err != nil {
			return err
		}
		cut := kadm.Offsets{}
		cut.AddOffset(topic, 0, 6, -1)
		if _, err := admin.DeleteRecords(ctx, cut); err != nil {
			return err
		}
		starts, err := admin.ListStartOffsets(ctx, topic)
		if err != nil {
			return err
		}
		if err := equal(starts[topic][0].Offset, int64(6), "the first offset"); err != nil {
			return err
		}
		grown, err := admin.CreatePartitions(ctx, 2, topic)
		if err != nil {
			return err
		}
		return grown[topic].Err
	})
}

func franzRefusals(hosts string) error {
	limit := "1000"
	return withFranz(hosts, "small", 1, map[string]*string{"max.message.bytes": &limit},
		func(ctx context.Context, client *kgo.Client, admin *kadm.Client, topic string) error {
			large := &kgo.Record{Topic: topic, Value: make([]byte, 5000)}
			writer, err := franzClient(hosts, kgo.ProducerBatchCompression(kgo.NoCompression()))
			if err != nil {
				return err
			}
			defer writer.Close()
			if err := writer.ProduceSync(ctx, large).FirstErr(); !errors.Is(err, kerr.MessageTooLarge) {
				return fmt.Errorf("a large record: %v", err)
			}
			return writer.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte("small")}).FirstErr()
		})
}
