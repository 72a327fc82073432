-- schema:
CREATE TABLE parcels (parcel_id TEXT PRIMARY KEY, recipient TEXT NOT NULL, weight_g INTEGER NOT NULL, note TEXT NOT NULL, signed_by TEXT);
-- on: parcel.v1.Posted
INSERT INTO parcels (parcel_id, recipient, weight_g, note) VALUES (:parcel_id, :recipient, :weight_g, :note);
-- on: parcel.v1.Delivered
UPDATE parcels SET signed_by = :signed_by WHERE parcel_id = :parcel_id;
