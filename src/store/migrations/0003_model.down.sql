DROP TABLE baseline;
DROP TABLE feedback_place;
DROP TABLE feedback;
DROP TABLE run;
DROP TABLE judgement;
DROP TABLE job;
DROP TABLE window;
