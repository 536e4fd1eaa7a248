CREATE TABLE sys_audit (
  id BIGSERIAL NOT NULL,
  at TIMESTAMP WITH TIME ZONE NOT NULL,
  actor_id BIGINT,
  actor_name VARCHAR COLLATE "C" NOT NULL,
  action VARCHAR COLLATE "C" NOT NULL,
  tracker_id BIGINT,
  item_id BIGINT,
  field_id BIGINT,
  detail JSONB,
  CONSTRAINT pk_sys_audit PRIMARY KEY (id)
)
;
CREATE INDEX ix_sys_audit_at ON sys_audit (at)
;
CREATE TABLE sys_change_set (
  id BIGSERIAL NOT NULL,
  at TIMESTAMP WITH TIME ZONE NOT NULL,
  actor_id BIGINT,
  actor_name VARCHAR COLLATE "C" NOT NULL,
  door VARCHAR COLLATE "C" NOT NULL,
  kind VARCHAR COLLATE "C" NOT NULL,
  reason VARCHAR COLLATE "C" NOT NULL,
  state VARCHAR COLLATE "C" NOT NULL,
  undoes_id BIGINT,
  place JSONB,
  CONSTRAINT pk_sys_change_set PRIMARY KEY (id),
  CONSTRAINT fk_sys_change_set_undoes_id FOREIGN KEY(undoes_id) REFERENCES sys_change_set (id)
)
;
CREATE INDEX ix_sys_change_set_at ON sys_change_set (at)
;
CREATE INDEX ix_sys_change_set_undoes_id ON sys_change_set (undoes_id)
;
COMMENT ON TABLE sys_change_set IS 'One save, import, bulk edit, apply or undo: who, when, through which door, why.'
;
CREATE TABLE sys_counter (
  field_id BIGINT NOT NULL,
  period VARCHAR COLLATE "C" NOT NULL,
  last BIGINT NOT NULL,
  CONSTRAINT pk_sys_counter PRIMARY KEY (field_id, period)
)
;
COMMENT ON TABLE sys_counter IS 'The last number that an autonumber field gave out, by period.'
;
CREATE TABLE sys_definition (
  id BIGSERIAL NOT NULL,
  kind VARCHAR COLLATE "C" NOT NULL,
  uid VARCHAR COLLATE "C" NOT NULL,
  parent_id BIGINT,
  key VARCHAR COLLATE "C" NOT NULL,
  body JSONB NOT NULL,
  created_cs BIGINT NOT NULL,
  changed_cs BIGINT NOT NULL,
  dropped_cs BIGINT,
  CONSTRAINT pk_sys_definition PRIMARY KEY (id),
  CONSTRAINT uq_sys_definition_uid UNIQUE (uid),
  CONSTRAINT fk_sys_definition_parent_id FOREIGN KEY(parent_id) REFERENCES sys_definition (id)
)
;
CREATE INDEX ix_sys_definition_parent ON sys_definition (parent_id)
;
CREATE UNIQUE INDEX uq_sys_definition_key ON sys_definition (kind, coalesce(parent_id, 0), key) WHERE dropped_cs IS NULL
;
COMMENT ON TABLE sys_definition IS 'Everything people configure: trackers, fields, views, rules, groups, grants; one row each.'
;
CREATE TABLE sys_field_column (
  "column" VARCHAR COLLATE "C" NOT NULL,
  field_id BIGINT NOT NULL,
  tracker_id BIGINT NOT NULL,
  type VARCHAR COLLATE "C" NOT NULL,
  options JSONB NOT NULL,
  encrypted BOOLEAN NOT NULL,
  from_cs BIGINT NOT NULL,
  to_cs BIGINT,
  CONSTRAINT pk_sys_field_column PRIMARY KEY ("column")
)
;
CREATE INDEX ix_sys_field_column_field_id ON sys_field_column (field_id)
;
COMMENT ON TABLE sys_field_column IS 'Every physical column ever, so that an old diff is read by its own column''s type.'
;
CREATE TABLE sys_file (
  id BIGSERIAL NOT NULL,
  uid VARCHAR COLLATE "C" NOT NULL,
  name VARCHAR COLLATE "C" NOT NULL,
  media_type VARCHAR COLLATE "C" NOT NULL,
  size BIGINT NOT NULL,
  sha256 VARCHAR COLLATE "C" NOT NULL,
  path VARCHAR COLLATE "C" NOT NULL,
  created_cs BIGINT NOT NULL,
  CONSTRAINT pk_sys_file PRIMARY KEY (id),
  CONSTRAINT uq_sys_file_uid UNIQUE (uid)
)
;
CREATE TABLE sys_job (
  id BIGSERIAL NOT NULL,
  topic VARCHAR COLLATE "C" NOT NULL,
  payload JSONB NOT NULL,
  change_set_id BIGINT,
  state VARCHAR COLLATE "C" NOT NULL,
  due_at TIMESTAMP WITH TIME ZONE NOT NULL,
  lease VARCHAR COLLATE "C",
  lease_until TIMESTAMP WITH TIME ZONE,
  attempts BIGINT DEFAULT '0' NOT NULL,
  progress JSONB,
  error VARCHAR COLLATE "C",
  created_at TIMESTAMP WITH TIME ZONE NOT NULL,
  ended_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_sys_job PRIMARY KEY (id)
)
;
CREATE INDEX ix_sys_job_due ON sys_job (state, due_at)
;
COMMENT ON TABLE sys_job IS 'Outbox and queue in one: written in the transaction of its cause, taken by lease.'
;
CREATE TABLE sys_key (
  id BIGSERIAL NOT NULL,
  purpose VARCHAR COLLATE "C" NOT NULL,
  field_uid VARCHAR COLLATE "C" NOT NULL,
  version BIGINT NOT NULL,
  sealed VARCHAR COLLATE "C" NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE NOT NULL,
  CONSTRAINT pk_sys_key PRIMARY KEY (id),
  CONSTRAINT uq_sys_key_purpose_field_uid_version UNIQUE (purpose, field_uid, version)
)
;
CREATE TABLE sys_profile (
  name VARCHAR COLLATE "C" NOT NULL,
  version VARCHAR COLLATE "C" NOT NULL,
  text VARCHAR COLLATE "C" NOT NULL,
  answers JSONB NOT NULL,
  base JSONB NOT NULL,
  applied_cs BIGINT NOT NULL,
  demo_cs JSONB,
  CONSTRAINT pk_sys_profile PRIMARY KEY (name)
)
;
CREATE TABLE sys_revision (
  tracker_id BIGINT NOT NULL,
  item_id BIGINT NOT NULL,
  version BIGINT NOT NULL,
  change_set_id BIGINT NOT NULL,
  diff JSONB NOT NULL,
  CONSTRAINT pk_sys_revision PRIMARY KEY (tracker_id, item_id, version)
)
;
CREATE INDEX ix_sys_revision_change_set_id ON sys_revision (change_set_id, tracker_id)
;
COMMENT ON TABLE sys_revision IS '{physical column: [old, new]} for each change of an item that existed before.'
;
CREATE TABLE sys_search (
  key BIGINT NOT NULL,
  body VARCHAR COLLATE "C" NOT NULL,
  CONSTRAINT pk_sys_search PRIMARY KEY (key)
)
;
COMMENT ON TABLE sys_search IS 'Folded words of an item and visibility class; key = tracker << 40 | item << 4 | class.'
;
CREATE TABLE sys_setting (
  name VARCHAR COLLATE "C" NOT NULL,
  value JSONB NOT NULL,
  CONSTRAINT pk_sys_setting PRIMARY KEY (name)
)
;
CREATE TABLE sys_throttle (
  name VARCHAR COLLATE "C" NOT NULL,
  failures BIGINT NOT NULL,
  until TIMESTAMP WITH TIME ZONE NOT NULL,
  CONSTRAINT pk_sys_throttle PRIMARY KEY (name)
)
;
CREATE TABLE sys_user (
  id BIGSERIAL NOT NULL,
  uid VARCHAR COLLATE "C" NOT NULL,
  email VARCHAR COLLATE "C" NOT NULL,
  email_folded VARCHAR COLLATE "C" NOT NULL,
  name VARCHAR COLLATE "C" NOT NULL,
  password VARCHAR COLLATE "C",
  admin BOOLEAN NOT NULL,
  disabled BOOLEAN NOT NULL,
  locale VARCHAR COLLATE "C",
  zone VARCHAR COLLATE "C",
  created_at TIMESTAMP WITH TIME ZONE NOT NULL,
  CONSTRAINT pk_sys_user PRIMARY KEY (id),
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
COMMENT ON TABLE sys_version IS 'One row, read in every transaction: what is cached per number is dropped when it moves.'
;
CREATE TABLE sys_membership (
  user_id BIGINT NOT NULL,
  group_id BIGINT NOT NULL,
  CONSTRAINT pk_sys_membership PRIMARY KEY (user_id, group_id),
  CONSTRAINT fk_sys_membership_user_id FOREIGN KEY(user_id) REFERENCES sys_user (id),
  CONSTRAINT fk_sys_membership_group_id FOREIGN KEY(group_id) REFERENCES sys_definition (id)
)
;
CREATE TABLE sys_once (
  hash VARCHAR COLLATE "C" NOT NULL,
  purpose VARCHAR COLLATE "C" NOT NULL,
  user_id BIGINT,
  expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
  used_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_sys_once PRIMARY KEY (hash),
  CONSTRAINT fk_sys_once_user_id FOREIGN KEY(user_id) REFERENCES sys_user (id)
)
;
COMMENT ON TABLE sys_once IS 'One-time links; only their hash is kept.'
;
CREATE TABLE sys_session (
  hash VARCHAR COLLATE "C" NOT NULL,
  user_id BIGINT NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE NOT NULL,
  verified_at TIMESTAMP WITH TIME ZONE NOT NULL,
  seen_at TIMESTAMP WITH TIME ZONE NOT NULL,
  expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
  CONSTRAINT pk_sys_session PRIMARY KEY (hash),
  CONSTRAINT fk_sys_session_user_id FOREIGN KEY(user_id) REFERENCES sys_user (id)
)
;
CREATE INDEX ix_sys_session_user_id ON sys_session (user_id)
;
CREATE TABLE sys_step (
  id BIGSERIAL NOT NULL,
  change_set_id BIGINT NOT NULL,
  definition_id BIGINT NOT NULL,
  kind VARCHAR COLLATE "C" NOT NULL,
  before JSONB,
  after JSONB,
  key_before VARCHAR COLLATE "C",
  key_after VARCHAR COLLATE "C",
  CONSTRAINT pk_sys_step PRIMARY KEY (id),
  CONSTRAINT fk_sys_step_change_set_id FOREIGN KEY(change_set_id) REFERENCES sys_change_set (id)
)
;
CREATE INDEX ix_sys_step_change_set_id ON sys_step (change_set_id)
;
CREATE INDEX ix_sys_step_definition_id ON sys_step (definition_id)
;
COMMENT ON TABLE sys_step IS 'What a change set did to definitions; before and after are whole bodies; keys are named where one was renamed.'
;
CREATE TABLE sys_touched (
  change_set_id BIGINT NOT NULL,
  tracker_id BIGINT NOT NULL,
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
CREATE INDEX ix_sys_search_words ON sys_search USING gin (array_to_tsvector(string_to_array(body, ' ')))
