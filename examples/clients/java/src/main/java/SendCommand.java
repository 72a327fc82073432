// SPDX-License-Identifier: Apache-2.0
// Sends one command to the shop, as JSON, and waits for what became of it.
//
//     SendCommand BROKERS TYPE KEY JSON [ID]
//
// With the ID of a command that was sent before nothing happens twice: the answer says that it is a repetition.
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.*;

public final class SendCommand {
    public static void main(String[] args) throws Exception {
        String brokers = args[0], type = args[1], key = args[2], json = args[3];
        String id = args.length > 4 ? args[4] : UUID.randomUUID().toString();
        Map<String, Object> reading = Map.of("bootstrap.servers", brokers, "isolation.level", "read_committed");
        Map<String, Object> writing = Map.of("bootstrap.servers", brokers, "acks", "all");

        try (var consumer = new KafkaConsumer<>(reading, new StringDeserializer(), new StringDeserializer());
             var producer = new KafkaProducer<>(writing, new StringSerializer(), new StringSerializer())) {
            listen(consumer, "shop.events", "shop.outcomes"); // before the command is sent, so that no answer is missed

            var command = new ProducerRecord<>("shop.commands", key, json); // the key chooses the partition
            command.headers().add("ce_id", id.getBytes(StandardCharsets.UTF_8));
            command.headers().add("ce_type", type.getBytes(StandardCharsets.UTF_8));
            producer.send(command).get();
            System.out.println("sent " + type + " " + key + " id " + id);
            System.exit(answer(consumer, id));
        }
    }

    private static void listen(Consumer<?, ?> consumer, String... topics) {
        var all = new ArrayList<TopicPartition>();
        for (String topic : topics)
            consumer.partitionsFor(topic).forEach(p -> all.add(new TopicPartition(topic, p.partition())));
        consumer.assign(all);
        consumer.seekToEnd(all);
        all.forEach(consumer::position); // now, not at the first poll
    }

    /** Prints the events of this command and its outcome; 0: accepted, 1: not, 5: not known yet. */
    private static int answer(Consumer<String, String> consumer, String id) {
        long until = System.nanoTime() + Duration.ofSeconds(30).toNanos();
        int events = 0;
        ConsumerRecord<String, String> outcome = null;
        while (outcome == null || events < Integer.parseInt(header(outcome, "weir-events", "0"))) {
            if (System.nanoTime() > until) {
                System.out.println("no answer yet: send it again with the same id");
                return 5;
            }
            for (var record : consumer.poll(Duration.ofMillis(200))) {
                if (!id.equals(header(record, "weir-causation", "")))
                    continue;
                if (record.topic().equals("shop.outcomes")) {
                    outcome = record;
                } else {
                    events++;
                    System.out.println("event " + header(record, "ce_type", "") + " version " + header(record, "ce_sequence", "") + " " + record.value());
                }
            }
        }
        String became = header(outcome, "ce_type", "");
        System.out.println(String.join(" ", "outcome", became, header(outcome, "weir-code", ""), outcome.value()).strip());
        return became.equals("weir.accepted") || became.equals("weir.repeated") ? 0 : 1;
    }

    private static String header(ConsumerRecord<?, ?> record, String name, String otherwise) {
        var header = record.headers().lastHeader(name);
        return header == null ? otherwise : new String(header.value(), StandardCharsets.UTF_8);
    }
}
