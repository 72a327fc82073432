// SPDX-License-Identifier: Apache-2.0
// A command handler as it is usually shown: consume order-commands, decide, emit order-events. What it loses: ../README.md.
//
//     OrderHandlerKt BROKERS
import java.time.Duration
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.int
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import org.apache.kafka.clients.consumer.KafkaConsumer
import org.apache.kafka.clients.producer.KafkaProducer
import org.apache.kafka.clients.producer.ProducerRecord
import org.apache.kafka.common.serialization.StringDeserializer
import org.apache.kafka.common.serialization.StringSerializer

private val left = mutableMapOf<String, Int>() // ten of each article

fun main(args: Array<String>) {
    val reading = mapOf<String, Any>("bootstrap.servers" to args[0], "group.id" to "order-handler-kotlin", "auto.offset.reset" to "earliest")
    val consumer = KafkaConsumer(reading, StringDeserializer(), StringDeserializer())
    val producer = KafkaProducer(mapOf<String, Any>("bootstrap.servers" to args[0]), StringSerializer(), StringSerializer())

    consumer.subscribe(listOf("order-commands"))
    while (true) {
        for (command in consumer.poll(Duration.ofMillis(200))) {
            val event = handle(Json.parseToJsonElement(command.value()).jsonObject)
            producer.send(ProducerRecord("order-events", command.key(), event.toString()))
        }
    }
}

private fun handle(order: JsonObject): JsonObject {
    val sku = order.getValue("sku").jsonPrimitive.content
    val rest = (left[sku] ?: 10) - order.getValue("quantity").jsonPrimitive.int
    if (rest >= 0) left[sku] = rest
    return JsonObject(order + ("type" to JsonPrimitive(if (rest < 0) "OrderRejected" else "OrderPlaced")))
}
