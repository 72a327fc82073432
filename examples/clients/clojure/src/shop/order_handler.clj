;; SPDX-License-Identifier: Apache-2.0
;; A command handler as it is usually shown: consume order-commands, decide, emit order-events. What it loses: ../README.md.
;;
;;     clojure.main -m shop.order-handler BROKERS
(ns shop.order-handler
  (:require [clojure.data.json :as json])
  (:import (java.time Duration)
           (org.apache.kafka.clients.consumer ConsumerRecord KafkaConsumer)
           (org.apache.kafka.clients.producer KafkaProducer ProducerRecord)
           (org.apache.kafka.common.serialization StringDeserializer StringSerializer)))

(def left (atom {})) ; ten of each article

(defn handle [{:strs [sku quantity] :as order}]
  (let [rest (- (get @left sku 10) quantity)]
    (when-not (neg? rest)
      (swap! left assoc sku rest))
    (assoc order "type" (if (neg? rest) "OrderRejected" "OrderPlaced"))))

(defn -main [brokers]
  (let [consumer (KafkaConsumer. {"bootstrap.servers" brokers "group.id" "order-handler-clojure" "auto.offset.reset" "earliest"}
                                 (StringDeserializer.) (StringDeserializer.))
        producer (KafkaProducer. {"bootstrap.servers" brokers} (StringSerializer.) (StringSerializer.))]
    (.subscribe consumer ["order-commands"])
    (while true
      (doseq [^ConsumerRecord command (.poll consumer (Duration/ofMillis 200))]
        (.send producer (ProducerRecord. "order-events" (.key command) (json/write-str (handle (json/read-str (.value command))))))))))
