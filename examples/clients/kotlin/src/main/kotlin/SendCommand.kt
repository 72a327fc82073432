// SPDX-License-Identifier: Apache-2.0
// Sends one command to the shop, as JSON, and waits for what became of it.
//
//     SendCommandKt BROKERS TYPE KEY JSON [ID]
//
// With the ID of a command that was sent before nothing happens twice: the answer says that it is a repetition.
import java.time.Duration
import java.util.UUID
import kotlin.system.exitProcess
import kotlin.time.Duration.Companion.seconds
import kotlin.time.TimeSource
import org.apache.kafka.clients.consumer.Consumer
import org.apache.kafka.clients.consumer.ConsumerRecord
import org.apache.kafka.clients.consumer.KafkaConsumer
import org.apache.kafka.clients.producer.KafkaProducer
import org.apache.kafka.clients.producer.ProducerRecord
import org.apache.kafka.common.TopicPartition
import org.apache.kafka.common.serialization.StringDeserializer
import org.apache.kafka.common.serialization.StringSerializer

fun main(args: Array<String>) {
    val (brokers, type, key, json) = args
    val id = args.getOrNull(4) ?: UUID.randomUUID().toString()
    val reading = mapOf<String, Any>("bootstrap.servers" to brokers, "isolation.level" to "read_committed")
    val writing = mapOf<String, Any>("bootstrap.servers" to brokers, "acks" to "all")

    val status = KafkaConsumer(reading, StringDeserializer(), StringDeserializer()).use { consumer ->
        KafkaProducer(writing, StringSerializer(), StringSerializer()).use { producer ->
            consumer.listen("shop.events", "shop.outcomes") // before the command is sent, so that no answer is missed

            val command = ProducerRecord("shop.commands", key, json) // the key chooses the partition
            command.headers().add("ce_id", id.toByteArray()).add("ce_type", type.toByteArray())
            producer.send(command).get()
            println("sent $type $key id $id")
            consumer.answer(id)
        }
    }
    exitProcess(status)
}

fun Consumer<*, *>.listen(vararg topics: String) {
    val all = topics.flatMap { topic -> partitionsFor(topic).map { TopicPartition(topic, it.partition()) } }
    assign(all)
    seekToEnd(all)
    all.forEach { position(it) } // now, not at the first poll
}

/** Prints the events of this command and its outcome; 0: accepted, 1: not, 5: not known yet. */
fun Consumer<String, String>.answer(id: String): Int {
    val until = TimeSource.Monotonic.markNow() + 30.seconds
    var outcome: ConsumerRecord<String, String>? = null
    var events = 0
    while (outcome == null || events < (outcome["weir-events"]?.toInt() ?: 0)) {
        if (until.hasPassedNow()) {
            println("no answer yet: send it again with the same id")
            return 5
        }
        for (record in poll(Duration.ofMillis(200)).filter { it["weir-causation"] == id }) {
            if (record.topic() == "shop.outcomes") {
                outcome = record
            } else {
                events++
                println("event ${record["ce_type"]} version ${record["ce_sequence"]} ${record.value()}")
            }
        }
    }
    println(listOfNotNull("outcome", outcome["ce_type"], outcome["weir-code"], outcome.value()).joinToString(" ").trim())
    return if (outcome["ce_type"] in setOf("weir.accepted", "weir.repeated")) 0 else 1
}

operator fun ConsumerRecord<*, *>.get(header: String): String? = headers().lastHeader(header)?.value()?.decodeToString()
