// SPDX-License-Identifier: Apache-2.0
// Sends one command to the shop, as JSON, and waits for what became of it.
//
//     SendCommand BROKERS TYPE KEY JSON [ID]
//
// With the ID of a command that was sent before nothing happens twice: the answer says that it is a repetition.
import java.time.Duration
import java.util.UUID
import org.apache.kafka.clients.consumer.{Consumer, ConsumerRecord, KafkaConsumer}
import org.apache.kafka.clients.producer.{KafkaProducer, ProducerRecord}
import org.apache.kafka.common.TopicPartition
import org.apache.kafka.common.serialization.{StringDeserializer, StringSerializer}
import scala.concurrent.duration.*
import scala.jdk.CollectionConverters.*
import scala.util.Using

type Answer = ConsumerRecord[String, String]

extension (record: Answer)
  def header(name: String): Option[String] = Option(record.headers.lastHeader(name)).map(h => String(h.value, "UTF-8"))

@main def SendCommand(brokers: String, kind: String, key: String, json: String, ids: String*): Unit =
  val id = ids.headOption.getOrElse(UUID.randomUUID.toString)
  val reading = Map[String, AnyRef]("bootstrap.servers" -> brokers, "isolation.level" -> "read_committed").asJava
  val writing = Map[String, AnyRef]("bootstrap.servers" -> brokers, "acks" -> "all").asJava

  val status = Using.Manager: use =>
    val consumer = use(KafkaConsumer(reading, StringDeserializer(), StringDeserializer()))
    val producer = use(KafkaProducer(writing, StringSerializer(), StringSerializer()))
    listen(consumer, "shop.events", "shop.outcomes") // before the command is sent, so that no answer is missed

    val command = ProducerRecord("shop.commands", key, json) // the key chooses the partition
    command.headers.add("ce_id", id.getBytes("UTF-8")).add("ce_type", kind.getBytes("UTF-8"))
    producer.send(command).get
    println(s"sent $kind $key id $id")
    answer(consumer, id)
  sys.exit(status.get)

def listen(consumer: Consumer[?, ?], topics: String*): Unit =
  val all = topics.flatMap(topic => consumer.partitionsFor(topic).asScala.map(p => TopicPartition(topic, p.partition)))
  consumer.assign(all.asJava)
  consumer.seekToEnd(all.asJava)
  all.foreach(consumer.position(_)) // now, not at the first poll

/** Prints the events of this command and its outcome; 0: accepted, 1: not, 5: not known yet. */
def answer(consumer: Consumer[String, String], id: String): Int =
  val until = 30.seconds.fromNow
  val answers = Iterator
    .continually(consumer.poll(Duration.ofMillis(200)).asScala)
    .takeWhile(_ => until.hasTimeLeft())
    .flatten
    .filter(_.header("weir-causation").contains(id))

  def wait(events: Int, outcome: Option[Answer]): Int = outcome match
    case Some(o) if events >= o.header("weir-events").fold(0)(_.toInt) =>
      val became = o.header("ce_type").mkString
      println(s"outcome $became ${o.header("weir-code").mkString} ${o.value}".split(" ").filter(_.nonEmpty).mkString(" "))
      if Set("weir.accepted", "weir.repeated")(became) then 0 else 1
    case _ if !answers.hasNext =>
      println("no answer yet: send it again with the same id")
      5
    case _ =>
      val record = answers.next()
      if record.topic == "shop.outcomes" then wait(events, Some(record))
      else
        println(s"event ${record.header("ce_type").mkString} version ${record.header("ce_sequence").mkString} ${record.value}")
        wait(events + 1, outcome)
  wait(0, None)
