// SPDX-License-Identifier: Apache-2.0
// A command handler as it is usually shown: consume order-commands, decide, emit order-events. What it loses: ../README.md.
//
//     OrderHandler BROKERS
import java.time.Duration
import org.apache.kafka.clients.consumer.KafkaConsumer
import org.apache.kafka.clients.producer.{KafkaProducer, ProducerRecord}
import org.apache.kafka.common.serialization.{StringDeserializer, StringSerializer}
import scala.collection.mutable
import scala.jdk.CollectionConverters.*

val left = mutable.Map.empty[String, Int].withDefaultValue(10) // ten of each article

@main def OrderHandler(brokers: String): Unit =
  val reading = Map[String, AnyRef]("bootstrap.servers" -> brokers, "group.id" -> "order-handler-scala", "auto.offset.reset" -> "earliest")
  val consumer = KafkaConsumer(reading.asJava, StringDeserializer(), StringDeserializer())
  val producer = KafkaProducer(Map[String, AnyRef]("bootstrap.servers" -> brokers).asJava, StringSerializer(), StringSerializer())
  consumer.subscribe(List("order-commands").asJava)
  while true do
    for command <- consumer.poll(Duration.ofMillis(200)).asScala do
      producer.send(ProducerRecord("order-events", command.key, handle(ujson.read(command.value)).render()))

def handle(order: ujson.Value): ujson.Value =
  val sku = order("sku").str
  val rest = left(sku) - order("quantity").num.toInt
  if rest >= 0 then left(sku) = rest
  ujson.Obj.from(order.obj.toSeq :+ ("type" -> ujson.Str(if rest < 0 then "OrderRejected" else "OrderPlaced")))
