-- schema:
CREATE TABLE parcels (parcel_id TEXT PRIMARY KEY, name TEXT NOT NULL, city TEXT NOT NULL, weight_mg INTEGER NOT NULL, notes TEXT NOT NULL, signed_by TEXT);
-- on: parcel.v1.PostedFor
INSERT INTO parcels (parcel_id, name, city, weight_mg, notes) VALUES (:parcel_id, :to.name, :to.city, :weight_mg, :notes);
-- on: parcel.v1.Delivered
UPDATE parcels SET signed_by = :signed_by WHERE parcel_id = :parcel_id;
