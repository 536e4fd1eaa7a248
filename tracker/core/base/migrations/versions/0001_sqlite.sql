CREATE TABLE sys_audit (
  id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  at TEXT NOT NULL,
  actor_id INTEGER,
  actor_name TEXT NOT NULL,
  action TEXT NOT NULL,
  tracker_id INTEGER,
  item_id INTEGER,
  field_id INTEGER,
  detail JSON
)
;
CREATE INDEX ix_sys_audit_at ON sys_audit (at)
;
CREATE TABLE sys_change_set (
  id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  at TEXT NOT NULL,
  actor_id INTEGER,
  actor_name TEXT NOT NULL,
  door TEXT NOT NULL,
  kind TEXT NOT NULL,
  reason TEXT NOT NULL,
  state TEXT NOT NULL,
  undoes_id INTEGER,
  place JSON,
  CONSTRAINT fk_sys_change_set_undoes_id FOREIGN KEY(undoes_id) REFERENCES sys_change_set (id)
)
;
CREATE INDEX ix_sys_change_set_at ON sys_change_set (at)
;
CREATE INDEX ix_sys_change_set_undoes_id ON sys_change_set (undoes_id)
;
CREATE TABLE sys_counter (
  field_id INTEGER NOT NULL,
  period TEXT NOT NULL,
  last BIGINT NOT NULL,
  CONSTRAINT pk_sys_counter PRIMARY KEY (field_id, period)
)
;
CREATE TABLE sys_definition (
  id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL,
  uid TEXT NOT NULL,
  parent_id INTEGER,
  "key" TEXT NOT NULL,
  body JSON NOT NULL,
  created_cs INTEGER NOT NULL,
  changed_cs INTEGER NOT NULL,
  dropped_cs INTEGER,
  CONSTRAINT uq_sys_definition_uid UNIQUE (uid),
  CONSTRAINT fk_sys_definition_parent_id FOREIGN KEY(parent_id) REFERENCES sys_definition (id)
)
;
CREATE INDEX ix_sys_definition_parent ON sys_definition (parent_id)
;
CREATE UNIQUE INDEX uq_sys_definition_key ON sys_definition (kind, coalesce(parent_id, 0), "key") WHERE dropped_cs IS NULL
;
CREATE TABLE sys_field_column (
  "column" TEXT NOT NULL,
  field_id INTEGER NOT NULL,
  tracker_id INTEGER NOT NULL,
  type TEXT NOT NULL,
  options JSON NOT NULL,
  encrypted BOOLEAN NOT NULL,
  from_cs INTEGER NOT NULL,
  to_cs INTEGER,
  CONSTRAINT pk_sys_field_column PRIMARY KEY ("column")
)
;
CREATE INDEX ix_sys_field_column_field_id ON sys_field_column (field_id)
;
CREATE TABLE sys_file (
  id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  uid TEXT NOT NULL,
  name TEXT NOT NULL,
  media_type TEXT NOT NULL,
  size BIGINT NOT NULL,
  sha256 TEXT NOT NULL,
  path TEXT NOT NULL,
  created_cs INTEGER NOT NULL,
  CONSTRAINT uq_sys_file_uid UNIQUE (uid)
)
;
CREATE TABLE sys_job (
  id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  topic TEXT NOT NULL,
  payload JSON NOT NULL,
  change_set_id INTEGER,
  state TEXT NOT NULL,
  due_at TEXT NOT NULL,
  lease TEXT,
  lease_until TEXT,
  attempts BIGINT DEFAULT '0' NOT NULL,
  progress JSON,
  error TEXT,
  created_at TEXT NOT NULL,
  ended_at TEXT
)
;
CREATE INDEX ix_sys_job_due ON sys_job (state, due_at)
;
CREATE TABLE sys_key (
  id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  purpose TEXT NOT NULL,
  field_uid TEXT NOT NULL,
  version BIGINT NOT NULL,
  sealed TEXT NOT NULL,
  created_at TEXT NOT NULL,
  CONSTRAINT uq_sys_key_purpose_field_uid_version UNIQUE (purpose, field_uid, version)
)
;
CREATE TABLE sys_profile (
  name TEXT NOT NULL,
  version TEXT NOT NULL,
  text TEXT NOT NULL,
  answers JSON NOT NULL,
  base JSON NOT NULL,
  applied_cs INTEGER NOT NULL,
  demo_cs JSON,
  CONSTRAINT pk_sys_profile PRIMARY KEY (name)
)
;
CREATE TABLE sys_revision (
  tracker_id INTEGER NOT NULL,
  item_id INTEGER NOT NULL,
  version BIGINT NOT NULL,
  change_set_id INTEGER NOT NULL,
  diff JSON NOT NULL,
  CONSTRAINT pk_sys_revision PRIMARY KEY (tracker_id, item_id, version)
)
 WITHOUT ROWID
;
CREATE INDEX ix_sys_revision_change_set_id ON sys_revision (change_set_id, tracker_id)
;
CREATE TABLE sys_search (
  "key" INTEGER NOT NULL,
  body TEXT NOT NULL,
  CONSTRAINT pk_sys_search PRIMARY KEY ("key")
)
;
CREATE TABLE sys_setting (
  name TEXT NOT NULL,
  value JSON NOT NULL,
  CONSTRAINT pk_sys_setting PRIMARY KEY (name)
)
;
CREATE TABLE sys_throttle (
  name TEXT NOT NULL,
  failures BIGINT NOT NULL,
  until TEXT NOT NULL,
  CONSTRAINT pk_sys_throttle PRIMARY KEY (name)
)
;
CREATE TABLE sys_user (
  id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  uid TEXT NOT NULL,
  email TEXT NOT NULL,
  email_folded TEXT NOT NULL,
  name TEXT NOT NULL,
  password TEXT,
  admin BOOLEAN NOT NULL,
  disabled BOOLEAN NOT NULL,
  locale TEXT,
  zone TEXT,
  created_at TEXT NOT NULL,
  CONSTRAINT uq_sys_user_uid UNIQUE (uid),
  CONSTRAINT uq_sys_user_email_folded UNIQUE (email_folded)
)
;
CREATE TABLE sys_version (
  id INTEGER NOT NULL,
  design BIGINT NOT NULL,
  grants BIGINT NOT NULL,
  plugins BIGINT NOT NULL,
  CONSTRAINT pk_sys_version PRIMARY KEY (id)
)
;
CREATE TABLE sys_membership (
  user_id INTEGER NOT NULL,
  group_id INTEGER NOT NULL,
  CONSTRAINT pk_sys_membership PRIMARY KEY (user_id, group_id),
  CONSTRAINT fk_sys_membership_user_id FOREIGN KEY(user_id) REFERENCES sys_user (id),
  CONSTRAINT fk_sys_membership_group_id FOREIGN KEY(group_id) REFERENCES sys_definition (id)
)
;
CREATE TABLE sys_once (
  hash TEXT NOT NULL,
  purpose TEXT NOT NULL,
  user_id INTEGER,
  expires_at TEXT NOT NULL,
  used_at TEXT,
  CONSTRAINT pk_sys_once PRIMARY KEY (hash),
  CONSTRAINT fk_sys_once_user_id FOREIGN KEY(user_id) REFERENCES sys_user (id)
)
;
CREATE TABLE sys_session (
  hash TEXT NOT NULL,
  user_id INTEGER NOT NULL,
  created_at TEXT NOT NULL,
  verified_at TEXT NOT NULL,
  seen_at TEXT NOT NULL,
  expires_at TEXT NOT NULL,
  CONSTRAINT pk_sys_session PRIMARY KEY (hash),
  CONSTRAINT fk_sys_session_user_id FOREIGN KEY(user_id) REFERENCES sys_user (id)
)
;
CREATE INDEX ix_sys_session_user_id ON sys_session (user_id)
;
CREATE TABLE sys_step (
  id INTEGER NOT NULL,
  change_set_id INTEGER NOT NULL,
  definition_id INTEGER NOT NULL,
  kind TEXT NOT NULL,
  "before" JSON,
  "after" JSON,
  key_before TEXT,
  key_after TEXT,
  CONSTRAINT pk_sys_step PRIMARY KEY (id),
  CONSTRAINT fk_sys_step_change_set_id FOREIGN KEY(change_set_id) REFERENCES sys_change_set (id)
)
;
CREATE INDEX ix_sys_step_change_set_id ON sys_step (change_set_id)
;
CREATE INDEX ix_sys_step_definition_id ON sys_step (definition_id)
;
CREATE TABLE sys_touched (
  change_set_id INTEGER NOT NULL,
  tracker_id INTEGER NOT NULL,
  created BIGINT DEFAULT '0' NOT NULL,
  changed BIGINT DEFAULT '0' NOT NULL,
  trashed BIGINT DEFAULT '0' NOT NULL,
  restored BIGINT DEFAULT '0' NOT NULL,
  CONSTRAINT pk_sys_touched PRIMARY KEY (change_set_id, tracker_id),
  CONSTRAINT fk_sys_touched_change_set_id FOREIGN KEY(change_set_id) REFERENCES sys_change_set (id)
)
;
CREATE INDEX ix_sys_touched_tracker_id ON sys_touched (tracker_id, change_set_id)
;
CREATE VIRTUAL TABLE sys_search_words USING fts5(
  body, content='sys_search', content_rowid='key', tokenize='unicode61 remove_diacritics 0', prefix='2 3')
;
CREATE TRIGGER sys_search_insert AFTER INSERT ON sys_search BEGIN
  INSERT INTO sys_search_words(rowid, body) VALUES (new.key, new.body); END
;
CREATE TRIGGER sys_search_delete AFTER DELETE ON sys_search BEGIN
  INSERT INTO sys_search_words(sys_search_words, rowid, body) VALUES ('delete', old.key, old.body); END
;
CREATE TRIGGER sys_search_update AFTER UPDATE ON sys_search BEGIN
  INSERT INTO sys_search_words(sys_search_words, rowid, body) VALUES ('delete', old.key, old.body);
  INSERT INTO sys_search_words(rowid, body) VALUES (new.key, new.body); END
