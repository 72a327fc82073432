// SPDX-License-Identifier: Apache-2.0
// A command handler as it is usually shown: consume order-commands, decide, emit order-events. What it loses: ../README.md.
//
//     OrderHandler BROKERS
import com.fasterxml.jackson.databind.*;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.serialization.*;

public final class OrderHandler {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Map<String, Long> left = new HashMap<>(); // ten of each article

    public static void main(String[] args) throws Exception {
        Map<String, Object> reading = Map.of("bootstrap.servers", args[0], "group.id", "order-handler-java", "auto.offset.reset", "earliest");
        Map<String, Object> writing = Map.of("bootstrap.servers", args[0]);

        try (var consumer = new KafkaConsumer<>(reading, new StringDeserializer(), new StringDeserializer());
             var producer = new KafkaProducer<>(writing, new StringSerializer(), new StringSerializer())) {
            consumer.subscribe(List.of("order-commands"));
            while (true)
                for (var command : consumer.poll(Duration.ofMillis(200)))
                    producer.send(new ProducerRecord<>("order-events", command.key(), handle(JSON.readTree(command.value())).toString()));
        }
    }

    private static ObjectNode handle(JsonNode order) {
        String sku = order.get("sku").asText();
        long quantity = order.get("quantity").asLong(), rest = left.getOrDefault(sku, 10L) - quantity;
        ObjectNode event = order.deepCopy();
        if (rest < 0)
            return event.put("type", "OrderRejected");
        left.put(sku, rest);
        return event.put("type", "OrderPlaced");
    }
}
