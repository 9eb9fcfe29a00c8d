DROP TABLE camera_event;
DROP TABLE parked;
DROP TABLE upload;
