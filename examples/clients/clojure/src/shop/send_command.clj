;; SPDX-License-Identifier: Apache-2.0
;; Sends one command to the shop, as JSON, and waits for what became of it.
;;
;;     clojure.main -m shop.send-command BROKERS TYPE KEY JSON [ID]
;;
;; With the ID of a command that was sent before nothing happens twice: the answer says that it is a repetition.
(ns shop.send-command
  (:require [clojure.string :as str])
  (:import (java.time Duration)
           (org.apache.kafka.clients.consumer ConsumerRecord KafkaConsumer)
           (org.apache.kafka.clients.producer KafkaProducer ProducerRecord)
           (org.apache.kafka.common TopicPartition)
           (org.apache.kafka.common.serialization StringDeserializer StringSerializer)))

(defn header [^ConsumerRecord record ^String name]
  (some-> (.headers record) (.lastHeader name) .value (String. "UTF-8")))

(defn listen [^KafkaConsumer consumer & topics]
  (let [all (for [topic topics, info (.partitionsFor consumer topic)]
              (TopicPartition. topic (.partition info)))]
    (.assign consumer all)
    (.seekToEnd consumer all)
    (run! #(.position consumer ^TopicPartition %) all))) ; now, not at the first poll

(defn send-command [^KafkaProducer producer id type key json]
  (let [command (ProducerRecord. "shop.commands" key json)] ; the key chooses the partition
    (doto (.headers command)
      (.add "ce_id" (.getBytes ^String id "UTF-8"))
      (.add "ce_type" (.getBytes ^String type "UTF-8")))
    @(.send producer command)
    (println "sent" type key "id" id)))

(defn answers
  "What the lane wrote because of this command, as it comes, until half a minute is over."
  [^KafkaConsumer consumer id]
  (let [until (+ (System/nanoTime) 30e9)]
    (->> (repeatedly #(vec (.poll consumer (Duration/ofMillis 200))))
         (take-while (fn [_] (< (System/nanoTime) until)))
         (sequence (mapcat identity))
         (filter #(= id (header % "weir-causation"))))))

(defn print-event [^ConsumerRecord event]
  (println "event" (header event "ce_type") "version" (header event "ce_sequence") (.value event)))

(defn print-outcome [^ConsumerRecord outcome]
  (println (str/trim (str/join " " (remove nil? ["outcome" (header outcome "ce_type") (header outcome "weir-code") (.value outcome)])))))

(defn answer
  "Prints the events of this command and its outcome; 0: accepted, 1: not, 5: not known yet."
  [consumer id]
  (loop [events 0, outcome nil, [record & more :as left] (lazy-seq (answers consumer id))]
    (cond
      (and outcome (>= events (parse-long (or (header outcome "weir-events") "0"))))
      (do (print-outcome outcome)
          (if (#{"weir.accepted" "weir.repeated"} (header outcome "ce_type")) 0 1))
      (empty? left)
      (do (println "no answer yet: send it again with the same id") 5)
      (= "shop.outcomes" (.topic ^ConsumerRecord record))
      (recur events record more)
      :else
      (do (print-event record)
          (recur (inc events) outcome more)))))

(defn -main [brokers type key json & [id]]
  (let [id (or id (str (random-uuid)))]
    (with-open [consumer (KafkaConsumer. {"bootstrap.servers" brokers "isolation.level" "read_committed"} (StringDeserializer.) (StringDeserializer.))
                producer (KafkaProducer. {"bootstrap.servers" brokers "acks" "all"} (StringSerializer.) (StringSerializer.))]
      (listen consumer "shop.events" "shop.outcomes") ; before the command is sent, so that no answer is missed
      (send-command producer id type key json)
      (let [status (answer consumer id)]
        (flush)
        (System/exit status)))))
